// The image, or the video's frame, with the 2D skeletons that were lifted.

const KEPT_IMAGES = 60; // frames that stay decoded
const AHEAD = 6; // frames to decode ahead

class Picture {
  constructor(canvas, recording, pictures, palette) {
    this.canvas = canvas;
    this.recording = recording;
    this.pictures = pictures;
    this.palette = palette;
    this.images = new Map();
    this.frame = 0;
    // Which picture belongs to each frame: the last one that is not later.
    let index = 0;
    this.indices = recording.frameNumbers.map((number) => {
      while (index + 1 < pictures.frames.length && pictures.frames[index + 1] <= number) index += 1;
      return index;
    });
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    this.fit();
  }

  // Sizes the canvas to its section in the pixels of the screen.
  fit() {
    const [width, height] = this.pictures.size;
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    const isStacked = getComputedStyle(this.canvas.parentElement.parentElement).flexDirection === "column";
    const room = isStacked ? window.innerHeight * 0.6 : clientHeight;
    const zoom = Math.min(clientWidth / width, room / height);
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.zoom = zoom * ratio;
    this.canvas.width = Math.max(1, Math.round(width * this.zoom));
    this.canvas.height = Math.max(1, Math.round(height * this.zoom));
    this.canvas.style.width = `${Math.round(width * zoom)}px`;
    this.canvas.style.height = `${Math.round(height * zoom)}px`;
    this.show(this.frame);
  }

  show(frame) {
    this.frame = frame;
    const index = this.indices[frame];
    for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
      if (index + ahead < this.pictures.jpegs.length) this.image(index + ahead);
    }
    const image = this.image(index);
    if (image.complete && image.naturalWidth) this.lastImage = image;
    this.draw();
  }

  // Returns the image, which may still be being decoded; it is then drawn as soon as it is there.
  image(index) {
    let image = this.images.get(index);
    if (!image) {
      image = new Image();
      image.onload = () => {
        if (this.indices[this.frame] === index) this.show(this.frame);
      };
      image.src = `data:image/jpeg;base64,${this.pictures.jpegs[index]}`;
    }
    // The last used are last.
    this.images.delete(index);
    this.images.set(index, image);
    if (this.images.size > KEPT_IMAGES) this.images.delete(this.images.keys().next().value);
    return image;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.lastImage) {
      context.drawImage(this.lastImage, 0, 0, this.canvas.width, this.canvas.height);
    }
    const rows = [...this.recording.rows(this.frame)];
    for (const row of rows) if (this.recording.person[row] !== this.palette.picked) this.drawRow(context, row);
    for (const row of rows) if (this.recording.person[row] === this.palette.picked) this.drawRow(context, row);
  }

  drawRow(context, row) {
    const { recording, palette } = this;
    const slot = recording.slots[recording.person[row]];
    const isOther = palette.picked >= 0 && recording.person[row] !== palette.picked;
    const width = Math.max(1.5, Math.min(this.canvas.width, this.canvas.height) / 220);
    context.globalAlpha = isOther ? 0.35 : 1;
    context.lineCap = "round";
    // Pixel 0 has its centre at 0.
    const at = (joint) => [0, 1].map((axis) => (
      (recording.landmarks[2 * (row * recording.numJoints + joint) + axis] + 0.5) * this.zoom));
    for (const [parent, child] of recording.bones) {
      const [from, to] = [at(parent), at(child)];
      if (![...from, ...to].every(Number.isFinite)) continue;
      const isSeen = recording.isSeen(row, parent) && recording.isSeen(row, child);
      for (const [colour, factor] of [["#ffffff", 2], [palette.ofJoint(slot, child), 1.1]]) {
        context.strokeStyle = colour;
        context.lineWidth = factor * width;
        context.setLineDash(isSeen ? [] : [2 * width, 2.5 * width]);
        context.beginPath();
        context.moveTo(...from);
        context.lineTo(...to);
        context.stroke();
      }
    }
    context.setLineDash([]);
    for (let joint = 0; joint < recording.numJoints; joint += 1) {
      const [x, y] = at(joint);
      if (!Number.isFinite(x + y)) continue;
      const isSeen = recording.isSeen(row, joint);
      const colour = palette.ofJoint(slot, joint);
      context.beginPath();
      context.arc(x, y, 1.5 * width, 0, 2 * Math.PI);
      context.fillStyle = isSeen ? colour : "#ffffff";
      context.strokeStyle = isSeen ? "#ffffff" : colour;
      context.lineWidth = 0.5 * width;
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }
}
