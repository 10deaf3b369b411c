# SPDX-License-Identifier: GPL-3.0-or-later
"""Word lists and small edits of the caption grammar: carriers, prefixes, places, and human carelessness."""

from __future__ import annotations

from ..engine.procedural.parameters import Rng

PREFIXES = (
    "a seamless texture of", "seamless texture of", "texture of", "a photo of", "photo of", "close-up of",
    "a close up of", "top view of", "top down view of", "photorealistic", "realistic", "a realistic", "seamless",
    "tileable", "a tileable", "4k", "8k", "4k pbr", "pbr", "high resolution", "hi-res", "high quality", "detailed",
    "highly detailed", "a pbr material of", "material:", "texture:", "create", "make", "make me", "generate",
    "i need", "i want", "give me", "please make", "looking for", "photo scan of", "scanned", "procedural",
    "game-ready", "a render of", "image of", "an image of", "a picture of", "background of", "stylized",
)  # fmt: skip
"""What people write before the material; it says nothing about it."""

SUFFIXES = (
    "texture", "material", "pbr texture", "pbr material", "seamless texture", "tileable texture", "surface",
    "background", "pbr", "4k", "8k", "seamless", "tileable", "photorealistic", "realistic", "high quality",
    "highly detailed", "for a game", "for blender", "for my scene", "top view", "shader", "texture map",
)  # fmt: skip

PLACES = (
    "for a kitchen", "for the bathroom", "in a living room", "for my bedroom", "for an office", "in a factory",
    "in a castle", "for a medieval village", "in a small town", "from a farm", "for a park", "in the garden",
    "for a hotel lobby", "on a sunny day", "in sunlight", "in the shade", "at noon", "for an architectural rendering",
    "from italy", "in japanese style", "in scandinavian style", "for a shop", "for a warehouse", "in the street",
    "for a cabin", "for a museum", "for a courtyard", "for the facade", "for a patio", "for a fantasy game",
)  # fmt: skip
"""Settings that change nothing: the head learns to look past them."""

CARRIERS = ("surface", "background", "area", "sample", "patch", "something", "piece")
"""Words before "made of {noun}"."""

UNNAMED = ("something", "a surface", "surface", "texture", "a texture", "material", "a material", "pattern", "a wall")
"""Stand-ins for the noun where the material is left open."""

TITLES = ("", "", "", "a", "a", "the", "some")

OUT_OF_DOMAIN = (
    "a portrait of a {x}", "a photo of a {x}", "{x}", "a {x}", "{x} in the distance", "a {x} and a {y}",
    "painting of a {x}", "3d model of a {x}", "the {x} is next to the {y}", "a cartoon {x}", "logo with a {x}",
    "an illustration of a {x} with a {y}", "two {x}s and a {y}", "a {x} on a {y}", "anime {x}", "my {x}",
)  # fmt: skip
THINGS = (
    "woman", "man", "girl", "boy", "child", "person", "face", "hand", "king", "queen", "soldier", "nurse", "doctor",
    "dancer", "warrior", "wizard", "cat", "dog", "horse", "elephant", "bird", "fish", "shark", "dragon", "lion",
    "tiger", "bear", "monkey", "cow", "rabbit", "mouse", "car", "truck", "bus", "train", "airplane", "helicopter",
    "bicycle", "motorcycle", "ship", "boat", "rocket", "spaceship", "robot", "computer", "laptop", "phone", "camera",
    "television", "radio", "guitar", "piano", "violin", "drum", "book", "newspaper", "letter", "pencil", "chair",
    "table", "sofa", "bed", "lamp", "clock", "mirror", "bottle", "cup", "plate", "spoon", "knife", "pizza", "burger",
    "cake", "bread", "apple", "banana", "orange juice", "coffee cup", "wine glass", "soup", "city skyline",
    "skyscraper", "bridge", "house", "church", "tower", "castle gate", "village", "island", "mountain", "waterfall",
    "sunset", "rainbow", "planet", "flower", "rose bouquet", "football", "tennis player", "swimmer", "crowd",
    "wedding", "birthday party", "love", "happiness", "music", "economy", "politics", "democracy", "war", "history",
    "invoice", "password", "software", "database", "spreadsheet", "weather forecast", "recipe", "holiday", "teacher",
    "school", "hospital", "airport", "ticket", "umbrella", "shoe", "dress", "hat", "sunglasses", "ring", "sword",
    "gun", "tank", "zombie", "vampire", "ghost", "angel", "superhero", "clown", "astronaut", "cowboy", "samurai",
)  # fmt: skip
UNKNOWN_THINGS = (
    "princess", "grandmother", "violinist", "penguin", "giraffe", "kangaroo", "butterfly", "submarine", "tractor",
    "scooter", "keyboard", "trumpet", "sandwich", "hamburger", "volcano eruption", "lighthouse", "sunrise", "comet",
    "basketball game", "philosophy", "contract", "smartphone", "necklace", "handbag", "pirate", "mermaid", "unicorn",
)  # fmt: skip
"""Kept for the evaluation of what lies outside the domain."""


def typo(text: str, rng: Rng) -> str:
    """``text`` with one careless letter in one of its longer words, or as it is where none is long."""
    parts = text.split(" ")
    long = [index for index, word in enumerate(parts) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    index = int(rng.choice(long))
    word = parts[index]
    place = int(rng.integers(1, len(word) - 1))
    kind = int(rng.integers(4))
    if kind == 0:
        word = word[:place] + word[place + 1 :]
    elif kind == 1:
        word = word[:place] + word[place] + word[place:]
    elif kind == 2:
        word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    else:
        word = word[:place] + "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))] + word[place + 1 :]
    parts[index] = word
    return " ".join(parts)


def other_number(noun: str) -> str:
    """Singular for a plural noun and the other way round, where English is regular enough to tell."""
    if noun.endswith("s"):
        return noun if noun.endswith(("ss", "us", "is", "ies", "xes", "ches", "shes")) else noun[:-1]
    return noun if noun.endswith(("x", "y", "ch", "sh", "z", "ing")) else noun + "s"


def article(following: str) -> str:
    """ "a" or "an" by the first letter."""
    return "an" if following[:1].lower() in "aeiou" else "a"


def spelling(text: str, rng: Rng) -> str:
    """American for British spelling and back, dropped hyphens."""
    if "grey" in text and rng.random() < 0.4:
        text = text.replace("grey", "gray")
    if "-" in text and rng.random() < 0.35:
        text = text.replace("-", " " if rng.random() < 0.7 else "")
    return text


def case(text: str, rng: Rng) -> str:
    """Now and then with capitals."""
    chance = rng.random()
    if chance < 0.12:
        return text[:1].upper() + text[1:]
    if chance < 0.15:
        return text.title()
    return text.upper() if chance < 0.165 else text
