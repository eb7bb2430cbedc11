"""Both trainers, for what takes either."""

from training.finetuner import FineTuner
from training.loop import Trainer
from training.photo_source import PhotoSource
from training.sources import Source

AnyTrainer = Trainer | FineTuner
AnySource = Source | PhotoSource
