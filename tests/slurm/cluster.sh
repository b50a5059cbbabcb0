#!/usr/bin/env bash
# A SLURM cluster on this machine, for tests: cluster.sh start|stop FOLDER [accounting|no_accounting]
#
# munge, slurmctld, two CPU and two GPU nodes (fake GPUs) on loopback, and with accounting MariaDB
# and slurmdbd, from Debian's packages, as root, without systemd. FOLDER (absolute) holds all state.
# Starting a cluster that is up changes nothing; stopping ends the daemons by their process ids and
# removes what was written to /etc/slurm. A machine with a SLURM of its own is left alone.
set -euo pipefail

HERE=$(cd "$(dirname "$0")/cluster" && pwd)
ACTION=$1
LAB=$2
ACCOUNTING=${3:-accounting}
NODES=(c1 c2 g1 g2)
ETC=/etc/slurm
MARK='# groundsynth test cluster'
MUNGE_SOCKET=/run/munge/munge.socket.2

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

wait_for() {  # seconds, command
  local rounds=$(($1 * 20))
  shift
  for _ in $(seq $rounds); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  echo "cluster.sh: not within the time: $*; see $LAB/log" >&2
  return 1
}

end() {  # pid file
  local pid
  [ -s "$1" ] || return 0
  pid=$(cat "$1")
  if kill "$pid" 2>/dev/null; then
    for _ in $(seq 200); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

leave_foreign_cluster_alone() {
  if [ -e $ETC/slurm.conf ] && ! grep -qs "^$MARK" $ETC/slurm.conf; then
    echo "cluster.sh: $ETC/slurm.conf is not of the test cluster: left alone." >&2
    exit 3
  fi
}

write_files() {
  mkdir -p "$LAB"/{run,log,dev,munge,scratch,state/controller} $ETC
  chmod 755 "$LAB" "$LAB/run"
  chmod 711 "$LAB/log"
  chmod 700 "$LAB/munge"
  for node in "${NODES[@]}"; do mkdir -p "$LAB/state/$node"; done
  for number in 0 1 2 3 4 5 6 7; do  # clones of /dev/null; the number becomes the GPU's
    [ -c "$LAB/dev/nvidia$number" ] || mknod -m 666 "$LAB/dev/nvidia$number" c 1 3
  done
  for file in slurm.conf gres.conf cgroup.conf job_submit.lua slurmdbd.conf; do
    sed -e "/^@ACCOUNTING@$/{r $HERE/$ACCOUNTING.conf" -e 'd}' -e "s|@LAB@|$LAB|g" \
      "$HERE/$file" >"$LAB/$file"
    cmp -s "$LAB/$file" "$ETC/$file" || install -m 600 "$LAB/$file" "$ETC/$file"
  done
  chmod 644 $ETC/slurm.conf
}

start_munge() {
  munge -n >/dev/null 2>&1 && return
  install -d -m 755 /run/munge
  rm -f $MUNGE_SOCKET $MUNGE_SOCKET.lock "$LAB/run/munged.pid"
  [ -s "$LAB/munge/key" ] || head -c 1024 /dev/urandom >"$LAB/munge/key"
  chmod 400 "$LAB/munge/key"
  munged --force --socket=$MUNGE_SOCKET --key-file="$LAB/munge/key" --num-threads=4 \
    --seed-file="$LAB/munge/seed" --log-file="$LAB/munge/log" --pid-file="$LAB/run/munged.pid"
  wait_for 5 munge -n
}

start_database() {
  local socket="$LAB/mysql/socket"
  alive "$LAB/run/mariadb.pid" && return
  if [ ! -d "$LAB/mysql/mysql" ]; then
    install -d -o mysql "$LAB/mysql"
    mariadb-install-db --no-defaults --user=mysql --datadir="$LAB/mysql" --skip-test-db \
      --auth-root-authentication-method=normal >"$LAB/log/mariadb-install.log" 2>&1
  fi
  setsid mariadbd --no-defaults --user=mysql --datadir="$LAB/mysql" --bind-address=127.0.0.1 \
    --port=16806 --socket="$socket" --pid-file="$LAB/mysql/pid" --skip-log-bin \
    --innodb-buffer-pool-size=64M --innodb-log-file-size=48M --innodb-lock-wait-timeout=900 \
    >"$LAB/log/mariadb.log" 2>&1 </dev/null &
  echo $! >"$LAB/run/mariadb.pid"
  wait_for 30 mariadb-admin --no-defaults -S "$socket" -uroot ping
  mariadb --no-defaults -S "$socket" -uroot -e "
    CREATE DATABASE IF NOT EXISTS slurm_acct_db;
    CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY 'test-cluster';
    CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'test-cluster';
    GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1', 'slurm'@'localhost';"
}

start_accounting() {
  start_database
  alive "$LAB/run/slurmdbd.pid" || slurmdbd
  wait_for 30 sacctmgr -n show cluster
  sacctmgr -n list cluster format=cluster | grep -qw loop || sacctmgr -i add cluster loop
  sacctmgr -n list account format=account%30 | grep -qw myproject ||
    sacctmgr -i add account myproject cluster=loop Description=test Organization=test
  sacctmgr -n list user root withassoc format=account%30 | grep -qw myproject ||
    sacctmgr -i add user root account=myproject cluster=loop
}

all_nodes_up() { [ "$(sinfo -h -N -t idle,alloc,mix -o %N | sort -u | wc -l)" = ${#NODES[@]} ]; }

start() {
  leave_foreign_cluster_alone
  write_files
  start_munge
  [ "$ACCOUNTING" = no_accounting ] || start_accounting >"$LAB/log/accounting.log"
  alive "$LAB/run/slurmctld.pid" || slurmctld
  wait_for 15 scontrol ping
  for node in "${NODES[@]}"; do alive "$LAB/run/slurmd-$node.pid" || slurmd -N "$node"; done
  wait_for 30 all_nodes_up
}

stop() {
  leave_foreign_cluster_alone
  if alive "$LAB/run/slurmctld.pid"; then
    timeout 10 scancel --user root >/dev/null 2>&1 || true
    sleep 1
  fi
  end "$LAB/run/slurmctld.pid"
  for node in "${NODES[@]}"; do end "$LAB/run/slurmd-$node.pid" & done
  wait
  end "$LAB/run/slurmdbd.pid"
  end "$LAB/run/mariadb.pid"
  end "$LAB/run/munged.pid"
  rm -f $ETC/{slurm,gres,cgroup,slurmdbd}.conf $ETC/job_submit.lua
}

case $ACTION in
  start | stop) "$ACTION" ;;
  *) echo "cluster.sh start|stop FOLDER [accounting|no_accounting]" >&2; exit 2 ;;
esac
