"""What is learnt: a class for each task of `tf_ner.options.tasks`, from words or texts to labels and back."""
