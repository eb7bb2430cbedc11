"""Other servers of image classifiers, each as its own documentation recommends, in environments of their own."""
