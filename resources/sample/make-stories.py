#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes simple English stories: ours, seeded, any amount.

    make-stories.py --seed 1 --bytes 20000000 > stories.txt

Stories are separated by a line <|endoftext|>. Each has one or two characters, a place, a thing and a
problem, and what is told later depends on what was told before (names, pronouns, things, weather), so that a small
language model has something to learn beyond spelling. The same seed gives the same bytes.
"""
import argparse
import random
import sys

NAMES = {
    "she": "Anna Mia Lily Sara Nora Ella Ruby Clara Ivy Rosa Lena Maya".split(),
    "he": "Tom Ben Max Sam Leo Finn Jack Otto Paul Noah Emil Oscar".split(),
}
ANIMALS = "cat dog fox bear rabbit mouse bird duck frog horse owl turtle squirrel hedgehog".split()
HER = {"she": ("her", "her"), "he": ("him", "his")}
AGES = "three four five six seven eight".split()
MOODS = "happy brave quiet funny kind clever curious gentle".split()
PLACES = [
    ("park", "in the park", "trees swings grass flowers ponds".split()),
    ("forest", "in the forest", "trees paths mushrooms leaves stones".split()),
    ("beach", "on the beach", "waves shells stones boats birds".split()),
    ("garden", "in the garden", "flowers bees apples bushes worms".split()),
    ("farm", "on the farm", "cows hens barns fields fences".split()),
    ("village", "in the village", "houses shops bridges wells gates".split()),
    ("school", "at the school", "books desks pictures songs games".split()),
    ("hill", "on the hill", "stones clouds goats bushes winds".split()),
]
THINGS = [
    ("ball", "red blue big round".split(), "throw"), ("kite", "green yellow long light".split(), "fly"),
    ("boat", "little wooden white old".split(), "sail"), ("book", "thick old new colorful".split(), "read"),
    ("hat", "warm red funny blue".split(), "wear"), ("drum", "loud round small shiny".split(), "play"),
    ("cake", "sweet big warm round".split(), "share"), ("lamp", "bright old golden small".split(), "light"),
    ("key", "tiny golden old shiny".split(), "turn"), ("basket", "round brown big light".split(), "carry"),
    ("blanket", "soft warm blue long".split(), "fold"), ("whistle", "silver loud tiny new".split(), "blow"),
]
WEATHER = [("sunny", "The sun was warm and the sky was blue."), ("rainy", "The rain fell softly on the roofs."),
           ("windy", "The wind blew and the leaves danced."), ("snowy", "The snow was white and deep."),
           ("cloudy", "Gray clouds moved slowly over the sky.")]
FEELINGS = {"sad": "smiled again", "scared": "felt safe again", "angry": "felt calm again", "tired": "felt strong again",
            "worried": "felt better"}
LESSONS = ["it is good to share", "friends help each other", "it is brave to ask for help", "small steps can go far",
           "a kind word is never lost", "it is good to tell the truth", "waiting can be worth it", "everyone can learn"]
NUMBERS = "two three four five six".split()


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


class Story:
    def __init__(self, rng):
        self.rng = rng
        self.pronoun = rng.choice(["she", "he"])
        self.name = rng.choice(NAMES[self.pronoun])
        self.object, self.possessive = HER[self.pronoun]
        self.friend_is_animal = rng.random() < 0.5
        if self.friend_is_animal:
            self.animal = rng.choice(ANIMALS)
            self.friend = "the " + self.animal
            self.friend_pronoun = "it"
        else:
            self.friend_pronoun = rng.choice(["she", "he"])
            self.friend = rng.choice([n for n in NAMES[self.friend_pronoun] if n != self.name])
        self.place, self.at, self.details = rng.choice(PLACES)
        self.thing, adjectives, self.verb = rng.choice(THINGS)
        self.adjective = rng.choice(adjectives)
        self.weather, self.sky = rng.choice(WEATHER)
        self.feeling = rng.choice(sorted(FEELINGS))
        self.lesson = rng.choice(LESSONS)
        self.detail = rng.choice(self.details)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def opening(self):
        who = self.pick("girl" if self.pronoun == "she" else "boy", "child")
        return self.pick(
            f"Once upon a time there was a {self.rng.choice(MOODS)} {who} named {self.name}. {self.name} was {self.rng.choice(AGES)} years old.",
            f"{self.name} was a {self.rng.choice(MOODS)} {who} who lived near the {self.place}.",
            f"One {self.weather} day, {self.name} went out to play {self.at}.",
            f"It was a {self.weather} morning. {self.name} woke up and looked out of the window.")

    def scene(self):
        return self.pick(
            f"{self.sky} {self.name} saw many {self.detail} {self.at}.",
            f"{self.sky} There were {self.rng.choice(NUMBERS)} {self.detail} {self.at}, and {self.name} counted them all.",
            f"{self.name} liked the {self.detail} {self.at} best. {self.sky}")

    def wish(self):
        return self.pick(
            f"{self.name} had {article(self.adjective)} {self.thing}. {self.pronoun.capitalize()} wanted to {self.verb} it all day.",
            f"{self.possessive.capitalize()} mother gave {self.object} {article(self.adjective)} {self.thing}. \"Now I can {self.verb} it!\" said {self.name}.",
            f"In the grass {self.pronoun} found {article(self.adjective)} {self.thing}. \"Whose {self.thing} is this?\" asked {self.name}.")

    def problem(self):
        return self.pick(
            f"But then the {self.thing} was gone. {self.name} looked everywhere and felt {self.feeling}.",
            f"But the {self.thing} fell down and broke. {self.name} felt {self.feeling} and sat on a stone.",
            f"Suddenly there was a loud noise. {self.name} dropped the {self.thing} and felt {self.feeling}.",
            f"But it was too hard to {self.verb} the {self.thing} alone. {self.name} was {self.feeling}.")

    def meeting(self):
        if self.friend_is_animal:
            return self.pick(
                f"Just then a little {self.animal} came by. \"Why are you {self.feeling}?\" asked {self.friend}.",
                f"Behind the {self.detail} sat a {self.animal}. \"Do not be {self.feeling},\" said {self.friend}. \"I can help you.\"")
        return self.pick(
            f"Then {self.friend} came by. \"Why are you {self.feeling}, {self.name}?\" {self.friend_pronoun} asked.",
            f"{self.possessive.capitalize()} friend {self.friend} saw {self.object}. \"Do not be {self.feeling},\" {self.friend_pronoun} said. \"Let us look together.\"")

    def answer(self):
        return self.pick(
            f"{self.name} told {self.friend} about the {self.adjective} {self.thing}.",
            f"\"It is my {self.thing},\" said {self.name}. \"It is {self.adjective}, and I want to {self.verb} it.\"")

    def solution(self):
        friend = self.friend[0].upper() + self.friend[1:]
        return self.pick(
            f"{friend} looked under the {self.detail}, and there it was! {self.name} held the {self.thing} and {FEELINGS[self.feeling]}.",
            f"Together they worked until the sun went down. At last the {self.thing} was as good as new, and {self.name} {FEELINGS[self.feeling]}.",
            f"{friend} had a clever idea. Soon they could {self.verb} the {self.thing} together, and {self.name} {FEELINGS[self.feeling]}.")

    def ending(self):
        both = f"{self.name} and {self.friend}"
        return self.pick(
            f"From that day on, {both} were best friends.",
            f"{self.name} said thank you and went home. {self.pronoun.capitalize()} had learned that {self.lesson}.",
            f"\"Thank you,\" said {self.name}. Now {self.pronoun} knew that {self.lesson}.",
            f"That night {self.name} told {self.possessive} mother about {self.friend} and the {self.thing}. Then {self.pronoun} fell asleep.")

    def text(self):
        parts = [self.opening()]
        if self.rng.random() < 0.7:
            parts.append(self.scene())
        parts += [self.wish(), self.problem()]
        if self.rng.random() < 0.85:
            parts.append(self.meeting())
            if self.rng.random() < 0.6:
                parts.append(self.answer())
        parts += [self.solution(), self.ending()]
        cut = self.rng.randrange(2, len(parts))
        return " ".join(parts[:cut]) + self.rng.choice([" ", "\n"]) + " ".join(parts[cut:])


def stories(seed):
    rng = random.Random(seed)
    while True:
        yield Story(rng).text()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=120_000, help="write stories until so many bytes are reached")
    options = parser.parse_args()
    written = 0
    for story in stories(options.seed):
        written += sys.stdout.write(story + "\n<|endoftext|>\n")
        if written >= options.bytes:
            break


if __name__ == "__main__":
    main()
