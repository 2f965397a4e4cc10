"""What the gates of a trained network learned: their values over images, by site, class and channel."""
