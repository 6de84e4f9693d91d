// Colours of people, of left and right, and of what surrounds them, in light and dark.

// Okabe and Ito's palette, which colour-blind readers distinguish, without black.
const PEOPLE_COLOURS = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b8a700", "#7a5bd0",
];

const SURROUNDINGS = {
  light: { surface: "#ffffff", grid: "#d5dae0", axis: "#8a94a0", shadow: "#e3e6ea",
    text: "#1b1f24", middle: "#3a4048", lift: 0 },
  dark: { surface: "#1b1e23", grid: "#3a4048", axis: "#7a8490", shadow: "#101215",
    text: "#e8eaed", middle: "#c9ced6", lift: 0.25 },
};

function mixed(colour, other, share) {
  const parts = [1, 3, 5].map((start) => {
    const from = parseInt(colour.slice(start, start + 2), 16);
    const to = parseInt(other.slice(start, start + 2), 16);
    return Math.round(from + share * (to - from)).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

class Palette {
  constructor(recording) {
    this.recording = recording;
    this.theme = "light";
    this.colouring = recording.numSlots > 1 ? "people" : "sides";
    this.picked = -1;
  }

  get surroundings() {
    return SURROUNDINGS[this.theme];
  }

  ofSlot(slot) {
    return mixed(PEOPLE_COLOURS[slot % PEOPLE_COLOURS.length], "#ffffff", this.surroundings.lift);
  }

  // A person's left is darker and their right lighter where colours tell people apart.
  ofJoint(slot, joint) {
    const side = this.recording.sides[joint];
    if (this.colouring === "people") {
      const share = { left: 0.3, middle: 0, right: 0.35 }[side];
      return mixed(this.ofSlot(slot), side === "left" ? "#000000" : "#ffffff", share);
    }
    if (side === "middle") return this.surroundings.middle;
    return mixed(this.recording.colours[side], "#ffffff", this.surroundings.lift);
  }

  // As `ofJoint`, faded for people other than the one picked.
  shown(slot, joint) {
    const colour = this.ofJoint(slot, joint);
    const isOther = this.picked >= 0 && this.recording.slots[this.picked] !== slot;
    return isOther ? mixed(colour, this.surroundings.surface, 0.75) : colour;
  }
}
