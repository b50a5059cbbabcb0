-- What TRUBA's submit filter demands, for partitions of its names; other partitions are free.
local scratch = "@LAB@/scratch/"
local least_cores = {barbun = 20, hamsi = 28, orfoz = 56}
local cores_of_a_gpu = {
   ["barbun-cuda"] = 20, ["akya-cuda"] = 10, ["palamut-cuda"] = 16, ["kolyoz-cuda"] = 16,
}

local function starts_with(text, start)
   return text ~= nil and text:sub(1, #start) == start
end

local function given(number)
   return number ~= nil and number ~= slurm.NO_VAL and number ~= slurm.NO_VAL16
end

-- The rule that a job breaks, or nil.
local function fault(job)
   local gpus = tonumber((job.tres_per_node or ""):match("gpu.-(%d+)$"))
   local cores = job.cpus_per_task * (given(job.num_tasks) and job.num_tasks or 1)
   if job.account == nil then return "no account" end
   if not given(job.time_limit) then return "no time limit" end
   if not starts_with(job.work_dir .. "/", scratch) then return "working directory not under scratch" end
   if not starts_with((job.std_out or job.work_dir) .. "/", scratch) then return "log file not under scratch" end
   local ratio = cores_of_a_gpu[job.partition]
   if ratio == nil then
      if gpus ~= nil then return "a GPU on a partition without" end
      local least = least_cores[job.partition] or 1
      if cores < least then return "at least " .. least .. " cores are needed" end
      return nil
   end
   if job.tres_per_job ~= nil then return "GPUs are asked for by --gres" end
   if gpus == nil then return "no GPU" end
   if job.min_nodes ~= 1 or job.max_nodes ~= 1 then return "--nodes=1 is needed" end
   if not given(job.num_tasks) or job.num_tasks ~= 1 then return "--ntasks=1 is needed" end
   if cores ~= ratio * gpus then return ratio .. " cores for each GPU are needed" end
   return nil
end

function slurm_job_submit(job, partitions, user)
   local truba = least_cores[job.partition] or cores_of_a_gpu[job.partition]
   if truba or job.partition == "debug" then
      local broken = fault(job)
      slurm.log_info(string.format("filter %s: tasks=%s cpus=%s nodes=%s-%s gres=%s gpus=%s: %s",
         job.partition, tostring(job.num_tasks), tostring(job.cpus_per_task),
         tostring(job.min_nodes), tostring(job.max_nodes), tostring(job.tres_per_node),
         tostring(job.tres_per_job), broken or "accepted"))
      if broken then
         slurm.log_user("submit filter: " .. broken)
         return slurm.ERROR
      end
   end
   return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, user)
   return slurm.SUCCESS
end

return slurm.SUCCESS
