"""`python train_keras.py …` is `tf-ner train …`."""

import sys

from tf_ner.cli import main

main(["train", *sys.argv[1:]])
