// The data of the page: poses by frame and person, unpacked from base64.

function unpack(text, ArrayType) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new ArrayType(bytes.buffer);
}

class Recording {
  constructor(content) {
    Object.assign(this, content);
    this.firstRow = unpack(content.firstRow, Int32Array);
    this.person = unpack(content.person, Int32Array);
    this.root = unpack(content.root, Float32Array);
    this.joints = unpack(content.joints, Int16Array);
    this.stddev = unpack(content.stddev, Uint16Array);
    this.landmarks = unpack(content.landmarks, Float32Array);
    this.visibility = unpack(content.visibility, Uint8Array);
    this.misfit = unpack(content.misfit, Float32Array);
    this.numJoints = this.jointNames.length;
    this.numFrames = this.times.length;
    this.numPeople = this.personNumbers.length;
    this.numSlots = this.slots.reduce((most, slot) => Math.max(most, slot + 1), 1);
  }

  // Rows of a frame, one for each person in it.
  *rows(frame) {
    for (let row = this.firstRow[frame]; row < this.firstRow[frame + 1]; row += 1) yield row;
  }

  rowOf(frame, person) {
    for (const row of this.rows(frame)) if (this.person[row] === person) return row;
    return -1;
  }

  // A coordinate (0 to 2) of a joint, m.
  coordinate(row, joint, axis) {
    return this.root[3 * row + axis] + this.joints[3 * (row * this.numJoints + joint) + axis] / 1000;
  }

  // Standard deviation of a joint, m; NaN if unknown.
  deviation(row, joint) {
    const value = this.stddev[row * this.numJoints + joint];
    return value === 65535 ? NaN : value / 1000;
  }

  isSeen(row, joint) {
    return this.visibility[row * this.numJoints + joint] > 0;
  }

  // People that are counted from 0 in the file are counted from 1 here, as the keys are.
  label(person) {
    return `Person ${this.personNumbers[person] + (this.personNumbers[0] === 0 ? 1 : 0)}`;
  }
}
