// The 3D view: Plotly draws the meshes of `Bodies` above a floor.

const TILE = 0.5; // m, distance of the floor's lines
const FIELD_OF_VIEW = Math.PI / 4; // of Plotly's perspective
const NAME_HEIGHT = 0.14; // m above the head
const SMOOTHING = 12; // frames before and after, over which following is smooth

// Directions from the centre to the eye.
const VIEWS = {
  reset: [-0.5, -1.5, 0.45],
  front: [0, -1, 0.08],
  side: [1, 0, 0.08],
  top: [0, -0.02, 1],
};

const TRACES = { floor: 0, solid: 1, deviations: 2, names: 3 };

class View {
  constructor(element, recording, palette) {
    this.element = element;
    this.recording = recording;
    this.palette = palette;
    this.bodies = new Bodies(recording);
    this.showDeviations = true;
    this.followed = false;
    this.isPlaying = false;
    this.economy = 0; // on slow devices, while playing: 1 for fewer pixels, 2 for no deviations too
    this.pixelRatio = Math.min(window.devicePixelRatio || 1, 2);
    this.frame = 0;
    // A box of equal scale along all axes, centred on the people.
    const { low, high } = recording;
    this.centre = [0, 1].map((axis) => (low[axis] + high[axis]) / 2);
    this.half = Math.max(1, (high[0] - low[0]) / 2, (high[1] - low[1]) / 2);
    this.half = TILE * Math.ceil(this.half / TILE);
    this.bottom = Math.min(low[2], -0.05);
    this.top = Math.max(high[2], 1) + NAME_HEIGHT;
    this.scale = 2 * this.half;
  }

  async draw() {
    const { solid, deviations } = this.bodies;
    this.bodies.place(this.frame, this.offset());
    const lighting = { ambient: 0.62, diffuse: 0.6, specular: 0.12, roughness: 0.8, fresnel: 0 };
    const mesh = (part) => ({
      type: "mesh3d", x: part.x, y: part.y, z: part.z, i: part.i, j: part.j, k: part.k, lighting,
      lightposition: { x: -2000, y: -6000, z: 8000 }, showscale: false,
    });
    const traces = [
      { type: "scatter3d", mode: "lines", ...this.floorLines(), hoverinfo: "skip",
        line: { width: 2, color: this.palette.surroundings.grid } },
      { ...mesh(solid), vertexcolor: this.colours(solid), hoverinfo: "text" },
      { ...mesh(deviations), vertexcolor: this.colours(deviations), hoverinfo: "skip", opacity: 0.25 },
      { type: "scatter3d", mode: "text", ...this.names(), hoverinfo: "skip",
        textfont: { size: 15, color: this.palette.surroundings.text } },
    ];
    const axis = (range) => ({ range, autorange: false, visible: false, showspikes: false });
    const layout = {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      paper_bgcolor: this.palette.surroundings.surface,
      hoverlabel: { font: { size: 13 } },
      scene: {
        xaxis: axis([-this.half, this.half]),
        yaxis: axis([-this.half, this.half]),
        zaxis: axis([this.bottom, this.top]),
        aspectmode: "manual",
        aspectratio: { x: 1, y: 1, z: (this.top - this.bottom) / this.scale },
        camera: this.camera("reset"),
        dragmode: "turntable",
      },
    };
    await Plotly.newPlot(this.element, traces, layout, {
      displayModeBar: false,
      scrollZoom: true,
      // Plotly would draw four times the pixels of a plain screen.
      plotGlPixelRatio: this.pixelRatio,
    });
    new ResizeObserver(() => Plotly.Plots.resize(this.element)).observe(this.element);
  }

  // What the centre of the view is of the world, [x, y] m.
  offset() {
    if (!this.followed) return this.centre;
    const { recording } = this;
    const sum = [0, 0, 0];
    for (let step = -SMOOTHING; step <= SMOOTHING; step += 1) {
      const frame = Math.min(Math.max(this.frame + step, 0), recording.numFrames - 1);
      for (const row of recording.rows(frame)) {
        if (this.palette.picked >= 0 && recording.person[row] !== this.palette.picked) continue;
        sum[0] += recording.root[3 * row];
        sum[1] += recording.root[3 * row + 1];
        sum[2] += 1;
      }
    }
    if (sum[2] > 0) this.lastOffset = [sum[0] / sum[2], sum[1] / sum[2]];
    return this.lastOffset || this.centre;
  }

  async show(frame) {
    this.frame = frame;
    const offset = this.offset();
    this.bodies.place(frame, offset);
    const { solid, deviations } = this.bodies;
    const parts = [[TRACES.solid, solid]];
    if (this.deviationsAreVisible()) parts.push([TRACES.deviations, deviations]);
    if (this.recording.numPeople > 1) parts.push([TRACES.names, this.names()]);
    if (this.followed) parts.push([TRACES.floor, this.floorLines(offset)]);
    const update = { x: [], y: [], z: [] };
    for (const [, part] of parts) for (const axis of ["x", "y", "z"]) update[axis].push(part[axis]);
    // Hover texts are of use while nothing moves; Plotly leaves alone what is undefined.
    const hover = this.isPlaying ? undefined : this.hoverTexts();
    update.text = parts.map(([trace, part]) => (trace === TRACES.solid ? hover : part.text));
    await Plotly.restyle(this.element, update, parts.map(([trace]) => trace));
  }

  deviationsAreVisible() {
    return this.showDeviations && !(this.isPlaying && this.economy > 1);
  }

  async setPlaying(isPlaying) {
    this.isPlaying = isPlaying;
    await this.refresh();
  }

  async setEconomy(economy) {
    this.economy = economy;
    await this.refresh();
  }

  // Draws again with what playing, options and economy leave visible.
  async refresh() {
    // Plotly has no public way to change the resolution; without this one, it stays as it is.
    const plot = this.element._fullLayout?.scene?._scene?.glplot;
    if (plot) plot.pixelRatio = this.pixelRatio * (this.isPlaying && this.economy > 0 ? 0.5 : 1);
    const visible = this.deviationsAreVisible();
    if ((this.element.data[TRACES.deviations].visible ?? true) !== visible) {
      await Plotly.restyle(this.element, { visible }, [TRACES.deviations]);
    }
    await this.show(this.frame);
  }

  // Draws again in the colours that the palette has now.
  async recolour() {
    const { surroundings } = this.palette;
    const { solid, deviations } = this.bodies;
    await Plotly.restyle(this.element, {
      vertexcolor: [this.colours(solid), this.colours(deviations)],
    }, [TRACES.solid, TRACES.deviations]);
    await Plotly.restyle(this.element, { "line.color": surroundings.grid }, [TRACES.floor]);
    await Plotly.restyle(this.element, { "textfont.color": surroundings.text }, [TRACES.names]);
    await Plotly.relayout(this.element, {
      paper_bgcolor: surroundings.surface, "scene.bgcolor": surroundings.surface,
    });
    await this.show(this.frame);
  }

  colours(mesh) {
    return mesh.owners.map(([slot, joint, kind]) => (
      kind === "shadow" ? this.palette.surroundings.shadow : this.palette.shown(slot, joint)));
  }

  // Numbers above the heads of several people.
  names() {
    const { recording, bodies } = this;
    const names = { x: [], y: [], z: [], text: [] };
    if (recording.numPeople < 2) return { x: [0], y: [0], z: [this.top], text: [""] };
    const offset = this.offset();
    bodies.rowOfSlot.forEach((row) => {
      let [x, y, z] = [0, 0, -Infinity];
      for (let joint = 0; row >= 0 && joint < recording.numJoints; joint += 1) {
        if (recording.coordinate(row, joint, 2) > z) {
          [x, y, z] = [0, 1, 2].map((axis) => recording.coordinate(row, joint, axis));
        }
      }
      names.x.push(x - offset[0]);
      names.y.push(y - offset[1]);
      names.z.push(row < 0 ? NaN : z + NAME_HEIGHT);
      names.text.push(row < 0 ? "" : recording.label(recording.person[row]).replace("Person ", ""));
    });
    return names;
  }

  floorLines(offset = this.centre) {
    const lines = { x: [], y: [], z: [] };
    const reach = this.half;
    [0, 1].forEach((axis) => {
      const first = TILE * Math.ceil((offset[axis] - reach) / TILE) - offset[axis];
      for (let place = first; place <= reach + 1e-6; place += TILE) {
        const [a, b] = axis === 0 ? ["x", "y"] : ["y", "x"];
        lines[a].push(place, place, null);
        lines[b].push(-reach, reach, null);
        lines.z.push(0, 0, null);
      }
    });
    return lines;
  }

  async showFloor() {
    const { x, y, z } = this.floorLines(this.offset());
    await Plotly.restyle(this.element, { x: [x], y: [y], z: [z] }, [TRACES.floor]);
  }

  hoverTexts() {
    const { recording, bodies } = this;
    const texts = new Map();
    return bodies.solid.owners.map(([slot, joint, kind]) => {
      const row = bodies.rowOfSlot[slot];
      if (row < 0 || kind === "shadow") return "";
      const key = slot * recording.numJoints + joint;
      if (!texts.has(key)) texts.set(key, this.hoverText(row, joint));
      return texts.get(key);
    });
  }

  hoverText(row, joint) {
    const { recording } = this;
    const lines = [
      escaped(recording.jointNames[joint]),
      `${recording.coordinate(row, joint, 2).toFixed(2)} m high`,
    ];
    const deviation = recording.deviation(row, joint);
    if (deviation >= 0) lines.push(`± ${(100 * deviation).toFixed(1)} cm`);
    if (!recording.isSeen(row, joint)) lines.push("not seen, inferred");
    return lines.join("<br>");
  }

  // Plotly's units of length are of a box whose sides are the aspect ratio.
  camera(name) {
    const direction = unit(VIEWS[name]);
    const distance = this.distance() / this.scale;
    return {
      eye: { x: direction[0] * distance, y: direction[1] * distance, z: direction[2] * distance },
      center: { x: 0, y: 0, z: 0 },
      up: { x: 0, y: 0, z: 1 },
    };
  }

  // From where all people, or the followed one, fit into the view, m.
  distance() {
    const { low, high } = this.recording;
    const { clientWidth, clientHeight } = this.element;
    const across = (Math.tan(FIELD_OF_VIEW / 2) * clientWidth) / Math.max(clientHeight, 1);
    const width = this.followed ? 1.6 : high[0] - low[0];
    const depth = this.followed ? 1.2 : high[1] - low[1];
    const upright = (this.top - this.bottom) / 2 / Math.tan(FIELD_OF_VIEW / 2);
    return Math.max(upright, width / 2 / across) * 1.02 + depth / 2;
  }

  async turnTo(name) {
    await Plotly.relayout(this.element, { "scene.camera": this.camera(name) });
  }

  // Turns by angles, rad, and changes the distance by a factor.
  async move(azimuth, elevation, factor) {
    const { eye, center, up } = this.element.layout.scene.camera;
    const length = Math.hypot(eye.x, eye.y, eye.z);
    const angle = Math.atan2(eye.y, eye.x) + azimuth;
    const limit = Math.PI / 2 - 0.02;
    const height = Math.min(limit, Math.max(-limit, Math.asin(eye.z / length) + elevation));
    const distance = length * factor;
    await Plotly.relayout(this.element, { "scene.camera": { center, up, eye: {
      x: distance * Math.cos(height) * Math.cos(angle),
      y: distance * Math.cos(height) * Math.sin(angle),
      z: distance * Math.sin(height),
    } } });
  }
}

// Plotly reads some HTML in hover texts.
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
