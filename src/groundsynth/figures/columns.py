"""Columns of the result tables with their headings, for tables and report alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CELL = {"mix": "Training mix", "architecture": "Architecture", "seed": "Seed"}
PAPER, DIFFERENCE = "_paper", "_difference"
"""Endings of the columns that hold the paper's figure, and ours less the paper's."""
CAPTION_SCORES = ("redundancy_percent", "clipscore")
"""Columns of tables 1 and 2 that the paper has too."""
TABLE1 = {
    "subset": "Subset",
    "source": "Source",
    "images": "Images",
    "captions": "Captions",
    "redundancy_percent": "Redundancy (%)",
    "redundancy_percent_paper": "in the paper",
    "redundancy_percent_difference": "difference",
    "clipscore": "CLIPScore",
    "clipscore_paper": "in the paper",
    "clipscore_difference": "difference",
    "image_text_model": "Image-text model",
}
TABLE2 = {
    "subset": "Subset",
    "captioner": "Captioner",
    "captions": "Captions",
    "unique_captions": "Unique captions",
    "redundancy_percent": "Redundancy (%)",
    "redundancy_percent_paper": "in the paper",
    "redundancy_percent_difference": "difference",
    "clipscore": "CLIPScore",
    "clipscore_paper": "in the paper",
    "clipscore_difference": "difference",
    "clip_s": "CLIP-S (w = 2.5)",
    "cut_percent": "Cut by the text encoder (%)",
    "image_text_model": "Image-text model",
}
SCORES = {
    "f1": "F1",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "accuracy": "Accuracy",
}
CELLS = {
    **CELL,
    "synthetic_samples": "Synthetic samples",
    **SCORES,
    "boundary_f1": "Boundary F1",
    "calibration_error": "Calibration error",
    "classes_left_out": "Classes left out",
    "test_patches": "Test patches",
}
SIGNIFICANCE = {
    "table": "Table",
    "score": "Score",
    "mix": "Training mix",
    "baseline": "Compared with",
    "architecture": "Architecture",
    "synthetic_samples": "Synthetic samples",
    "seeds": "Seeds",
    "unit": "Unit",
    "units": "Units",
    "gain": "Gain (points)",
    "gain_low": "From",
    "gain_high": "To",
    "p": "p",
    "p_corrected": "p (Holm)",
    "mark": "Significant",
}
GROUNDING = {
    "subset": "Subset",
    "captioner": "Captioner",
    "captions": "Captions",
    "class_precision": "Class precision (%)",
    "class_recall": "Class recall (%)",
    "invented_percent": "Inventing a class (%)",
    "missed_percent": "Missing a class (%)",
    "denied_percent": "Denying a class (%)",
    "understated_percent": "Understating a class (%)",
    "dominant_named_percent": "Naming a dominant class (%)",
    "dominant_correct_percent": "Dominant class correct (%)",
    "order_percent": "Order of shares (%)",
    "stated_shares": "Stated shares",
    "share_error": "Their error (points)",
}
DIVERSITY = {
    "subset": "Subset",
    "captioner": "Captioner",
    "captions": "Captions",
    "normalised_redundancy_percent": "Normalised redundancy (%)",
    "vocabulary": "Vocabulary (words)",
    "words_a_caption": "Words a caption",
    "distinct_1_percent": "Distinct words (%)",
    "distinct_2_percent": "Distinct pairs (%)",
    "distinct_3_percent": "Distinct triples (%)",
    "self_bleu": "Self-BLEU",
    "self_bleu_sample": "of so many",
}
SELECTION = {
    "population": "Population",
    "outcome": "Outcome",
    "samples": "Samples",
    "percent": "Of all (%)",
}
COMPOSITION = {
    "population": "Population",
    "class": "Class",
    "images": "Images",
    "total_percent": "Of all pixels (%)",
    "present_percent": "In so many images (%)",
    "jensen_shannon_to_real": "Jensen-Shannon distance to real",
}
RARE = {
    "class": "Class",
    "population": "Population",
    "images": "Images",
    "total_percent": "Of all pixels (%)",
    "images_with_any": "Images with any",
    "any_percent": "(%)",
    "images_with_one_percent": "Images with at least 1%",
    "one_percent_percent": "(%)",
}
FEATURE_MODEL = {
    "feature_model": "Feature model",
    "dimensions": "Dimensions",
    "preprocessing": "Resizing and scaling",
    "weights_digest": "SHA-256 of the weights",
}
DISTANCES = {
    "extractor": "Features",
    "population": "Population",
    "compared": "Compared",
    "images": "Images",
    "train_patches": "Train patches",
    "distance": "Fréchet distance",
    "percent_of_untrained": "Of the untrained (%)",
    "images_chosen": "Images chosen",
    "train_patches_chosen": "Train patches chosen",
    "kernel_distance": "Kernel distance",
    "kernel_deviation": "Its deviation",
    "manifold_precision": "Precision",
    "manifold_recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
    **FEATURE_MODEL,
}
SILHOUETTES = {
    "space": "Space",
    "populations": "Populations",
    "silhouette": "Silhouette score",
    "feature_model": "Feature model",
}
LEAKS = {
    "population": "Population",
    "images": "Images",
    "smallest": "Smallest distance",
    "p1": "1%",
    "p5": "5%",
    "p25": "25%",
    "median": "Median",
    "p75": "75%",
    "largest": "Largest",
    "near_duplicates": "Near-duplicates",
    "share_percent": "Share (%)",
    "expected_percent": "Expected (%)",
    "chance": "Chance of so many",
    "copies": "Below a tenth of the limit",
    "feature_model": "Feature model",
    "verdict": "Verdict",
}
SPLIT_DISTANCES = {
    "split": "Split",
    "other_split": "Other split",
    "distance_metres": "Smallest distance (m)",
    "distance_patches": "In patches",
    "pairs_nearer_than_one_patch": "Pairs nearer than one patch",
    "nearest": "Nearest patches",
}
CLASS_PREFIX, IOU_PREFIX = "f1_", "iou_"
DISCRIMINATORS = {
    "discriminator": "Discriminator",
    "kimg": "Thousand images",
    "samples": "Images measured",
    "miou": "Mean IoU (%)",
    "distance_test": "Fréchet distance to the real test images",
    "distance_train": "To the train split",
    "feature_diversity": "Between samples of a map (features)",
    "pixel_diversity": "Between samples of a map (grey levels)",
}
LABELS = {
    *CELL,
    *("subset", "captioner", "image_text_model", "population", "class", "feature_model"),
    *("tile", "split", "other_split", "nearest", "discriminator", "verdict"),
    *("space", "populations", "outcome", "synthetic_samples"),
    *("table", "score", "baseline", "unit", "mark", "source"),
    *("extractor", "compared", "preprocessing", "weights_digest"),
}
"""Columns that hold names, not figures."""

DISTANCE_COLUMNS = {
    *("distance", "kernel_distance", "kernel_deviation", "jensen_shannon_to_real"),
    *("manifold_precision", "manifold_recall", "density", "coverage"),
    *("p", "p_corrected", "silhouette"),
    *("distance_test", "distance_train", "feature_diversity"),
    *("smallest", "p1", "p5", "p25", "median", "p75", "largest", "chance"),
}
"""Columns whose figures have no common size: they are rounded to three digits."""


def without_empty(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns without those of the paper's figures that no row has."""
    return [
        column
        for column in columns
        if not column.endswith((PAPER, DIFFERENCE))
        or any(row[column] not in (None, "") for row in rows)
    ]


def discriminator_columns(names: Sequence[str]) -> dict[str, str]:
    """Columns of the discriminators' table: the IoU of each class stands beside the mean."""
    columns = list(DISCRIMINATORS.items())
    after = list(DISCRIMINATORS).index("miou") + 1
    classes = [(IOU_PREFIX + name, name) for name in names]
    return dict([*columns[:after], *classes, *columns[after:]])


def heading(column: str) -> str:
    """Heading of a column; one that is not listed is read from its name."""
    for table in (
        CELLS,
        TABLE2,
        TABLE1,
        GROUNDING,
        DIVERSITY,
        SIGNIFICANCE,
        RARE,
        DISTANCES,
        COMPOSITION,
        SPLIT_DISTANCES,
        DISCRIMINATORS,
        LEAKS,
        SELECTION,
    ):
        if column in table:
            return table[column]
    for prefix in (CLASS_PREFIX, IOU_PREFIX):
        if column.startswith(prefix):
            return column.removeprefix(prefix)
    return column.replace("_", " ").capitalize()
