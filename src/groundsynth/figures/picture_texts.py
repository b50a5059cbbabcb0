"""What is seen in each picture of a run: (text for those who cannot see it, caption)."""

PICTURES = {
    "overview": (
        "Rows of satellite patches, their land-cover masks, samples of the generative models, "
        "predicted masks and captions.",
        "Each row begins with a real training patch, its land cover and a conditional sample "
        "drawn from that very land cover; beside them stand an unconditional sample with its "
        "predicted land cover, and the captions of both. Rows are chosen by the variety of "
        "their masks, never by the look of a sample.",
    ),
    "footprints": (
        "Map of the patch footprints, coloured by split, over the tiles of the imagery.",
        "Footprints of all kept patches in longitude and latitude, coloured by split. White "
        "places inside a tile were dropped: no data, too much water, or too near to a patch of "
        "another split.",
    ),
    "funnel": (
        "Bars from all candidates over those dropped by reason to those kept, and stacked bars of "
        "each tile.",
        "Every place of the patch grid is either kept or dropped for the first reason that "
        "applies. Below, the same for each tile in percent of its candidates.",
    ),
    "patches": (
        "Contact sheets of the patches of each split, each beside its land-cover mask.",
        "Patches of each split, each with its land cover at its right, drawn by chance with a "
        "fixed seed.",
    ),
    "split_shares": (
        "Bars of the share of each land-cover class in each split.",
        "Above, the share of each class in all labelled pixels of a split; below, the share of "
        "the split's patches in which the class occurs. Splits by blocks differ more than random "
        "ones: a model is tested on other landscapes than it was trained on.",
    ),
    "samples": (
        "Contact sheets of real patches, unconditional samples and conditional samples.",
        "Patches of the train split beside samples of each generative model, all drawn by "
        "chance. Look for repeated or broken samples as much as for good ones.",
    ),
    "leaks": (
        "Histograms of the distances of samples and real test patches to the nearest training "
        "patch, and the closest pairs of sample and training patch.",
        "Above, how far samples lie from the nearest training patch (filled), beside the real test "
        "split (outlined), which no model has seen; all on the same scales. Left of the line a "
        "sample counts as a near-duplicate. Below, the closest pairs, the sample at the left.",
    ),
    "neighbours": (
        "Rows of a sample and the training patches nearest to it, with their distances.",
        "Samples over the whole range of distances, from the one nearest to any training patch to "
        "the farthest, each with its nearest training patches in the standardised features of the "
        "extractor. A copy would be a row whose pictures can hardly be told apart; rows of other "
        "landscapes are new. The patch whose map a conditional sample was drawn from is marked "
        "where it is among them (its map).",
    ),
    "composition": (
        "Bars of the share of each land-cover class in each population.",
        "Share of each class in all labelled pixels of a population: plain bars are real, hatched "
        "and dotted ones synthetic. Where some classes are below 5% and others are not, those are "
        "drawn once more on their own scale. The key says how far the totals are from the real "
        "ones (0: equal, 1: nothing in common).",
    ),
    "generators": (
        "Training curves of the generators: losses, distance, overfitting, images a second.",
        "A row a generator, against the number of images seen. Losses of a generator and its "
        "discriminator should stay in balance rather than fall. The distance (lower is better) is "
        "measured where a plateau is looked for. As the discriminator begins to know the real "
        "patches by heart, the mean sign of its answers to them nears 1, and the strength (p) of "
        "an adaptive augmentation rises. Images a second are those of the training alone. Panels "
        "below each other have the same scale, but those of the losses, which differ in kind.",
    ),
    "progress": (
        "Samples of the same seeds, one row for each time of a training.",
        "What each generator drew as it was trained: a column is one seed (for the conditional "
        "generator also one map, shown at the top with its real patch), a row one time. Times are "
        "spaced by equal factors, as most happens early.",
    ),
    "histories": (
        "Training curves, one small panel a training.",
        "Validation scores of the segmentation models, losses of the others, against the number "
        "of images seen in training. All panels of scores (fractions of 1) have the same scales.",
    ),
    "confusion": (
        "Confusion matrices of the segmentation models on the real test split.",
        "Rows are true classes, columns predictions; each row shows in percent where the pixels "
        "of a class go. The diagonal is the recall of the class.",
    ),
    "reliability": (
        "Curves of the share of right pixels against the probability of the prediction, a panel a "
        "mix.",
        "How often the models are right on the real test split, against how sure they are: on the "
        "dashed line as often as their probabilities say, below it they are too sure, above it too "
        "cautious. A line is an architecture with all its seeds, its error the mean distance from "
        "the dashed line over pixels; grey bars are the share of the pixels at each probability.",
    ),
    "projections": (
        "Points of all populations in the plane of a projection of their features.",
        "Each point is an image, placed by its features. Where the colours mix, the populations "
        "look alike to the model that gave the features; a silhouette score near 0 says the same.",
    ),
    "captions": (
        "Lines of the length of captions, and bars and dots of the classes that they name.",
        "At the left, words a caption. At the right, a grey bar for each captioner: the share of "
        "its captions' maps that hold a class; the dot: the share of its captions that name it. "
        "Dots below their bar leave a class out, dots above invent it.",
    ),
    "discriminators": (
        "Rows of land-cover maps, their real images, and samples of generators trained against "
        "different discriminators.",
        "Maps of the test split, which no generator has seen, drawn by chance with a fixed seed; "
        "below each its real image and a sample of each generator.",
    ),
}
