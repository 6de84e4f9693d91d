// Triangles of people: bones, joints and shadows in one mesh, deviations in another.
//
// The number of triangles never changes, so that a frame is a matter of moving vertices. Those of
// people who are not there lie in one point, which draws nothing.

const BONE_SIDES = 6;
const BONE_RADIUS = 0.021; // m
const JOINT_RADIUS = 0.033; // m
const SHADOW_RADIUS = 0.035; // m
const SHADOW_HEIGHT = 0.004; // m above the floor, so that both do not fight for the same pixels

// Vertices and triangles of a unit sphere: an icosahedron, each triangle split `splits` times.
function sphere(splits) {
  const golden = (1 + Math.sqrt(5)) / 2;
  const vertices = [];
  for (const a of [-1, 1]) {
    for (const b of [-golden, golden]) vertices.push([0, a, b], [a, b, 0], [b, 0, a]);
  }
  let triangles = [];
  // Neighbours are 2 apart.
  const near = (a, b) => Math.abs(Math.hypot(...vertices[a].map((x, i) => x - vertices[b][i])) - 2) < 0.01;
  for (let a = 0; a < 12; a += 1) {
    for (let b = a + 1; b < 12; b += 1) {
      for (let c = b + 1; c < 12; c += 1) {
        if (near(a, b) && near(b, c) && near(a, c)) triangles.push([a, b, c]);
      }
    }
  }
  const middles = new Map();
  const middle = (a, b) => {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    if (!middles.has(key)) {
      middles.set(key, vertices.push(vertices[a].map((x, i) => (x + vertices[b][i]) / 2)) - 1);
    }
    return middles.get(key);
  };
  for (let split = 0; split < splits; split += 1) {
    triangles = triangles.flatMap(([a, b, c]) => {
      const [ab, bc, ca] = [middle(a, b), middle(b, c), middle(c, a)];
      return [[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]];
    });
  }
  const unit = vertices.map((vertex) => vertex.map((x) => x / Math.hypot(...vertex)));
  return { vertices: unit, triangles: triangles.map((t) => outward(t, unit)) };
}

// Orders a triangle so that its normal points away from the origin.
function outward([a, b, c], vertices) {
  const [u, v, w] = [vertices[a], vertices[b], vertices[c]];
  const determinant = u[0] * (v[1] * w[2] - v[2] * w[1]) - u[1] * (v[0] * w[2] - v[2] * w[0])
    + u[2] * (v[0] * w[1] - v[1] * w[0]);
  return determinant > 0 ? [a, b, c] : [a, c, b];
}

// Vertices in typed arrays, and triangles as three arrays of indices, as Plotly's mesh3d takes them.
class Mesh {
  constructor() {
    this.count = 0;
    this.owners = []; // [slot, joint, kind] of each vertex
    this.i = [];
    this.j = [];
    this.k = [];
  }

  // Adds a part of `count` vertices; returns its first.
  add(count, triangles, owner) {
    const first = this.count;
    for (const [a, b, c] of triangles) {
      this.i.push(first + a);
      this.j.push(first + b);
      this.k.push(first + c);
    }
    for (let vertex = 0; vertex < count; vertex += 1) this.owners.push(owner);
    this.count += count;
    return first;
  }

  finish() {
    for (const axis of ["x", "y", "z"]) this[axis] = new Float32Array(this.count);
    return this;
  }

  set(vertex, x, y, z) {
    this.x[vertex] = x;
    this.y[vertex] = y;
    this.z[vertex] = z;
  }

  hide(first, count) {
    for (let vertex = first; vertex < first + count; vertex += 1) this.set(vertex, 0, 0, 0);
  }
}

class Bodies {
  constructor(recording) {
    this.recording = recording;
    this.jointBall = sphere(0);
    // One person has the time for rounder spheres.
    this.deviationBall = sphere(recording.numSlots > 1 ? 1 : 2);
    this.solid = new Mesh();
    this.deviations = new Mesh();
    const tube = [];
    for (let side = 0; side < BONE_SIDES; side += 1) {
      const next = (side + 1) % BONE_SIDES;
      tube.push([2 * side, 2 * next, 2 * side + 1], [2 * next, 2 * next + 1, 2 * side + 1]);
    }
    this.parts = Array.from({ length: recording.numSlots }, (_, slot) => ({
      joints: recording.jointNames.map((_, joint) => this.solid.add(
        this.jointBall.vertices.length, this.jointBall.triangles, [slot, joint, "joint"])),
      bones: recording.bones.map(([, child]) => this.solid.add(
        2 * BONE_SIDES, tube, [slot, child, "bone"])),
      shadows: recording.bones.map(([, child]) => this.solid.add(
        4, [[0, 1, 2], [0, 2, 3]], [slot, child, "shadow"])),
      deviations: recording.jointNames.map((_, joint) => this.deviations.add(
        this.deviationBall.vertices.length, this.deviationBall.triangles, [slot, joint, "joint"])),
    }));
    this.solid.finish();
    this.deviations.finish();
    this.rowOfSlot = new Int32Array(recording.numSlots);
  }

  // Moves all vertices to a frame, with the world's origin at `offset`, [x, y] m.
  place(frame, offset) {
    const { recording } = this;
    this.rowOfSlot.fill(-1);
    for (const row of recording.rows(frame)) {
      this.rowOfSlot[recording.slots[recording.person[row]]] = row;
    }
    this.rowOfSlot.forEach((row, slot) => (
      row < 0 ? this.clear(slot) : this.placeRow(slot, row, offset)));
  }

  clear(slot) {
    const part = this.parts[slot];
    for (const first of part.joints) this.solid.hide(first, this.jointBall.vertices.length);
    for (const first of part.bones) this.solid.hide(first, 2 * BONE_SIDES);
    for (const first of part.shadows) this.solid.hide(first, 4);
    for (const first of part.deviations) {
      this.deviations.hide(first, this.deviationBall.vertices.length);
    }
  }

  placeRow(slot, row, offset) {
    const { recording, parts } = this;
    const points = recording.jointNames.map((_, joint) => [
      recording.coordinate(row, joint, 0) - offset[0],
      recording.coordinate(row, joint, 1) - offset[1],
      recording.coordinate(row, joint, 2),
    ]);
    points.forEach((point, joint) => {
      this.placeBall(this.solid, parts[slot].joints[joint], this.jointBall, point, JOINT_RADIUS);
      const radius = recording.deviation(row, joint) || 0;
      this.placeBall(
        this.deviations, parts[slot].deviations[joint], this.deviationBall, point, radius);
    });
    recording.bones.forEach(([parent, child], bone) => {
      this.placeTube(parts[slot].bones[bone], points[parent], points[child]);
      this.placeShadow(parts[slot].shadows[bone], points[parent], points[child]);
    });
  }

  placeBall(mesh, first, ball, [x, y, z], radius) {
    ball.vertices.forEach(([dx, dy, dz], index) => {
      mesh.set(first + index, x + radius * dx, y + radius * dy, z + radius * dz);
    });
  }

  placeTube(first, from, to) {
    const along = unit(to.map((x, axis) => x - from[axis]));
    // Any direction that is not along the bone gives two across it.
    const other = Math.abs(along[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
    const across = unit(cross(along, other));
    const third = cross(along, across);
    for (let side = 0; side < BONE_SIDES; side += 1) {
      const angle = (2 * Math.PI * side) / BONE_SIDES;
      const [a, b] = [BONE_RADIUS * Math.cos(angle), BONE_RADIUS * Math.sin(angle)];
      [from, to].forEach((end, index) => {
        const [x, y, z] = end.map((value, axis) => value + a * across[axis] + b * third[axis]);
        this.solid.set(first + 2 * side + index, x, y, z);
      });
    }
  }

  placeShadow(first, from, to) {
    const [dx, dy] = unit([to[0] - from[0], to[1] - from[1], 0]);
    const [sx, sy] = [-SHADOW_RADIUS * dy, SHADOW_RADIUS * dx];
    const corners = [
      [from[0] - sx, from[1] - sy], [to[0] - sx, to[1] - sy],
      [to[0] + sx, to[1] + sy], [from[0] + sx, from[1] + sy],
    ];
    corners.forEach(([x, y], index) => this.solid.set(first + index, x, y, SHADOW_HEIGHT));
  }
}

function unit(vector) {
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((x) => x / length) : [1, 0, 0];
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
