"""Today's records, weights and checkpoints as the first release would have written them."""

# Today's names, and those of the first release.
RECIPE = {
    "resolution_schedule": "small",
    "distillation_weight": "teaching",
    "validation_fraction": "validation",
    "cutmix_probability": "cutmix",
    "fp16_conv_weights": "half_filters",
}
AUGMENTATION = {"horizontal_flip": "mirror", "blur_probability": "blur"}
SCHEDULES = {"linear_decay": "to zero"}
TRAINING = {
    "best_epoch": "chosen_epoch",
    "selected_by": "chosen_by",
    "images_per_s": "pictures_per_s",
    "network_time_fraction": "network_share_of_seconds",
    "teachers": "taught_by",
    "initial_weights": "earlier",
}
WEIGHTS = {"flops_per_image": "flops_per_picture"}
CALIBRATION = {"coefficients": "sharpness", "test_ece_uncalibrated": "test_ece_before"}
IDENTITY = {"data_fingerprint": "pictures", "initial_weights": "started_from", "teachers": "taught_by"}
PROGRESS = {"initial_weights": "earlier", "best_epoch": "chosen_epoch", "best_state": "chosen_weights"}
BUFFERS = {"calibration": "sharpness"}


def _old(entries, names):
    return {names.get(key, key): value for key, value in entries.items()}


def old_record(record):
    """A record of the first release: its keys, no schema version."""
    training = _old(record["training"], TRAINING)
    old = {key: value for key, value in record.items() if key not in ("schema_version", "engine")}
    old = _old(old, {"reduced_precision": "numerics"})
    return old | {
        "numerics": {"served": "float32"},
        "calibration": _old(record["calibration"], CALIBRATION),
        "training": training | {"recipe": _old_recipe(training["recipe"])},
        "weights": _old(record["weights"], WEIGHTS),
    }


def old_state(state):
    """A state_dict of the first release."""
    return _old(state, BUFFERS)


def old_checkpoint(checkpoint):
    """A checkpoint of the first release."""
    identity, state = checkpoint["identity"], checkpoint["state"]
    progress = _old(state["progress"], PROGRESS)
    return {
        "identity": _old(identity, IDENTITY) | {"recipe": _old_recipe(identity["recipe"])},
        "state": state
        | {
            "network": old_state(state["network"]),
            "progress": progress | {"chosen_weights": old_state(progress["chosen_weights"])},
        },
    }


def _old_recipe(recipe):
    return _old(recipe, RECIPE) | {
        "augmentation": _old(recipe["augmentation"], AUGMENTATION),
        "schedule": SCHEDULES.get(recipe["schedule"], recipe["schedule"]),
    }
