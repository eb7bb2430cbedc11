"""The script that a user would write: torchvision's ImageFolder, a DataLoader, the network in torch, a line an image.

    python -m benchmarks.torch_loop MODEL_DIR FOLDER ANSWERS

MODEL_DIR is an unpacked archive, FOLDER has a folder of images for each class. Standard output is one JSON document.
"""

import csv
import json
import sys
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from engine.class_names import load_class_names
from engine.torch_network import load_network
from scoring.archive import manifest_model

BATCH_SIZE = 64
WORKERS = 2


def main(model_dir: Path, folder: Path, answers: Path) -> None:
    """Classify every image of a folder, and print how many a second, from the first batch on."""
    names = load_class_names(model_dir / "index_to_name.json")
    network = load_network(model_dir, manifest_model=manifest_model(model_dir), classes=len(names))
    images = ImageFolder(folder, transforms.Compose([transforms.Resize(32), transforms.PILToTensor()]))
    began_s = time.perf_counter()
    with answers.open("w", newline="") as file, torch.inference_mode():
        lines, row = csv.writer(file), 0
        for pixels, _ in DataLoader(images, batch_size=BATCH_SIZE, num_workers=WORKERS):
            best = network(pixels).softmax(dim=1).max(dim=1)
            for probability, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                lines.writerow([images.samples[row][0], names[index], probability])
                row += 1
    print(json.dumps({"images": row, "images_per_s": row / (time.perf_counter() - began_s)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
