"""What is said of every curve, wherever it is shown."""

NOTICE = ("A research instrument, not a medical device. It learned from PSPI, what observers code as pain in the faces "
          "of patients with shoulder pain; it cannot know what anyone feels, nor tell pain from what looks like it.")
SHORT_NOTICE = "research instrument, not a medical device"
