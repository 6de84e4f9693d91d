// Connects the controls to the view, the picture and the player.

const byId = (id) => document.getElementById(id);
const parsed = (id) => JSON.parse(byId(id).textContent);

const SLOW_FRAMES = 10; // frames to judge the speed by
const SLOW_INTERVAL = 55; // ms between frames; what takes longer does not look smooth

const recording = new Recording(parsed("poses-data"));
const pictures = parsed("pictures-data");
const palette = new Palette(recording);
const view = new View(byId("view"), recording, palette);
let picture = null;
let drawnAt = [];

const player = new Player(recording.times, showFrame, playingChanged);

async function showFrame(frame) {
  byId("slider").value = frame;
  const seconds = recording.times[frame].toFixed(2);
  const number = recording.frameNumbers[frame];
  byId("clock").textContent = recording.rateIsKnown ? `${seconds} s · frame ${number}` : `frame ${number}`;
  byId("slider").setAttribute("aria-valuetext", `Frame ${number}, ${seconds} seconds`);
  if (picture) picture.show(frame);
  await view.show(frame);
  if (player.isPlaying) watchSpeed();
  else describe();
}

// Draws less where a device cannot keep up, as without a graphics processor.
function watchSpeed() {
  drawnAt.push(performance.now());
  if (drawnAt.length <= SLOW_FRAMES) return;
  const interval = (drawnAt.at(-1) - drawnAt[0]) / SLOW_FRAMES;
  drawnAt = [];
  const wanted = (1000 * player.length) / recording.numFrames / player.speed;
  if (interval < Math.max(SLOW_INTERVAL, 1.2 * wanted) || view.economy > 1) return;
  view.setEconomy(view.economy + 1);
  if (view.economy > 1 && view.showDeviations) {
    byId("status").textContent = "This device draws slowly: deviations are hidden while playing.";
  }
}

// Says what is shown, for those who read it and for screen readers.
function describe() {
  const rows = [...recording.rows(player.frame)];
  const picked = palette.picked < 0 ? rows : rows.filter((row) => recording.person[row] === palette.picked);
  const texts = picked.slice(0, 4).map((row) => {
    const joints = recording.jointNames.map((_, joint) => joint);
    const seen = joints.filter((joint) => recording.isSeen(row, joint)).length;
    const known = joints.map((joint) => recording.deviation(row, joint)).filter((d) => d >= 0);
    const mean = known.reduce((sum, d) => sum + d, 0) / known.length;
    const parts = [`${seen} of ${joints.length} joints seen`];
    if (known.length) parts.push(`mean deviation ${(100 * mean).toFixed(1)} cm`);
    if (recording.misfit[row] > 1) parts.push("does not fit a person well");
    return `${recording.label(recording.person[row])}: ${parts.join(", ")}`;
  });
  const absent = palette.picked >= 0 ? `${recording.label(palette.picked)} is not here.` : "Nobody is here.";
  const more = picked.length > 4 ? ` · and ${picked.length - 4} more` : "";
  byId("status").textContent = texts.length ? texts.join(" · ") + more : absent;
}

function playingChanged() {
  const { isPlaying } = player;
  drawnAt = [];
  byId("play").textContent = isPlaying ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  if (isPlaying) byId("status").textContent = "";
  else describe();
  view.setPlaying(isPlaying);
}

async function pick(person) {
  palette.picked = palette.picked === person ? -1 : person;
  for (const button of byId("people").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.person) === palette.picked));
  }
  await recolour();
}

async function recolour() {
  fillLegend();
  for (const button of byId("people").children) {
    const swatch = button.querySelector(".swatch");
    if (swatch) swatch.style.background = palette.ofSlot(recording.slots[button.dataset.person]);
  }
  if (picture) picture.draw();
  await view.recolour();
  if (!player.isPlaying) describe();
}

function setTheme(theme) {
  palette.theme = theme;
  document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
}

function swatch(colour, text) {
  const item = document.createElement("span");
  const dot = document.createElement("span");
  dot.className = "swatch";
  dot.style.background = colour;
  item.append(dot, text);
  return item;
}

function fillLegend() {
  const items = [];
  if (palette.colouring === "sides") {
    const left = recording.sides.indexOf("left");
    const right = recording.sides.indexOf("right");
    if (right >= 0) items.push(swatch(palette.ofJoint(0, right), "person's right"));
    if (left >= 0) items.push(swatch(palette.ofJoint(0, left), "person's left"));
  } else {
    items.push("left darker, right lighter");
  }
  items.push(`floor: tiles of ${TILE} m`);
  if (view.showDeviations) items.push("spheres: one standard deviation");
  if (!recording.isPlaced && recording.numPeople > 1) items.push("side by side: positions are unknown");
  byId("legend").replaceChildren(...items.map((item) => {
    const span = document.createElement("span");
    span.append(item);
    return span;
  }));
}

function addPeople() {
  if (recording.numPeople < 2) {
    byId("people").hidden = true;
    return;
  }
  const button = (person, content) => {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.person = person;
    element.setAttribute("aria-pressed", String(person === palette.picked));
    element.append(content);
    element.addEventListener("click", () => pick(person));
    return element;
  };
  byId("people").append(button(-1, "All"));
  recording.personNumbers.forEach((_, person) => {
    const colour = palette.ofSlot(recording.slots[person]);
    byId("people").append(button(person, swatch(colour, recording.label(person))));
  });
}

function changeSpeed(steps) {
  const select = byId("speed");
  const index = Math.min(Math.max(select.selectedIndex + steps, 0), select.options.length - 1);
  select.selectedIndex = index;
  player.speed = Number(select.value);
}

async function toggleDeviations() {
  view.showDeviations = byId("deviations").checked;
  fillLegend();
  await view.setEconomy(0);
}

async function toggleFollowing() {
  view.followed = byId("follow").checked;
  await view.show(player.frame);
  await view.showFloor();
  await view.turnTo("reset");
}

async function reset() {
  byId("follow").checked = false;
  await toggleFollowing();
  if (palette.picked >= 0) await pick(-1);
}

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
  ArrowUp: () => changeSpeed(1),
  ArrowDown: () => changeSpeed(-1),
  a: () => view.move(-0.15, 0, 1),
  d: () => view.move(0.15, 0, 1),
  w: () => view.move(0, 0.1, 1),
  s: () => view.move(0, -0.1, 1),
  "+": () => view.move(0, 0, 0.8),
  "=": () => view.move(0, 0, 0.8),
  "-": () => view.move(0, 0, 1.25),
  e: () => byId("deviations").click(),
  f: () => byId("follow").click(),
  r: () => reset(),
};

function step(frames) {
  player.pause();
  player.goTo(player.frame + frames);
}

function keyPressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  // Fields have keys of their own; the slider's arrows mean the same as the page's.
  if (target.matches("select, input:not([type=range]), summary") && !/^[0-9a-z]$/.test(key)) return;
  if (target.matches("select") || (target.matches("button") && key === " ")) return;
  if (/^[0-9]$/.test(key)) {
    const person = Number(key) - 1;
    if (person < recording.numPeople && (person >= 0 || palette.picked >= 0)) pick(person);
  } else if (Object.hasOwn(KEYS, key)) {
    KEYS[key](event);
  } else {
    return;
  }
  event.preventDefault();
}

function connect() {
  byId("slider").max = recording.numFrames - 1;
  byId("slider").addEventListener("input", (event) => {
    player.pause();
    player.goTo(Number(event.target.value));
  });
  byId("play").addEventListener("click", () => player.toggle());
  byId("back").addEventListener("click", () => step(-1));
  byId("forward").addEventListener("click", () => step(1));
  byId("speed").addEventListener("change", () => changeSpeed(0));
  byId("deviations").addEventListener("change", toggleDeviations);
  byId("follow").addEventListener("change", toggleFollowing);
  byId("colouring").value = palette.colouring;
  byId("colouring").addEventListener("change", (event) => {
    palette.colouring = event.target.value;
    recolour();
  });
  byId("theme").addEventListener("click", () => {
    setTheme(palette.theme === "dark" ? "light" : "dark");
    recolour();
  });
  byId("reset").addEventListener("click", reset);
  for (const button of byId("views").querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => view.turnTo(button.dataset.view));
  }
  for (const button of byId("views").querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => view.move(0, 0, Number(button.dataset.zoom)));
  }
  document.addEventListener("keydown", keyPressed);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => {
    setTheme(dark.matches ? "dark" : "light");
    recolour();
  });
}

function summary() {
  const { numFrames, numPeople } = recording;
  const frames = numFrames === 1 ? "1 frame" : `${numFrames} frames`;
  const people = numPeople === 1 ? "1 person" : `${numPeople || "no"} people`;
  const rate = numFrames > 1 && !recording.rateIsKnown ? ", rate unknown: 25 per second" : "";
  return `${people}, ${frames}${rate}`;
}

async function start() {
  setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  byId("summary").textContent = summary();
  byId("view").setAttribute("aria-label", `3D view: ${summary()}. Drag to turn.`);
  byId("playback").hidden = recording.numFrames < 2;
  byId("picture").hidden = !pictures;
  addPeople();
  connect();
  fillLegend();
  await view.draw();
  if (pictures) picture = new Picture(byId("canvas"), recording, pictures, palette);
  await player.goTo(0);
  if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
}

// For tests and the browser's console.
window.viewer = { player, view, palette, recording, ready: start() };
