// The clock: which frame is shown, and playing in real time.

class Player {
  // `show(frame)` draws a frame and returns a promise; `changed()` hears of playing and pausing.
  constructor(times, show, changed) {
    this.times = times;
    this.show = show;
    this.changed = changed;
    this.frame = 0;
    this.speed = 1;
    this.isPlaying = false;
    this.drawn = 0; // frames drawn so far
    // The last frame lasts as long as the others do in the mean.
    const last = times.length - 1;
    this.length = times[last] + (last > 0 ? times[last] / last : 0);
  }

  async goTo(frame) {
    const count = this.times.length;
    this.frame = ((frame % count) + count) % count;
    this.time = this.times[this.frame];
    await this.show(this.frame);
    this.drawn += 1;
  }

  play() {
    if (this.isPlaying || this.times.length < 2) return;
    this.isPlaying = true;
    this.time = this.times[this.frame];
    this.changed();
    let before = null;
    const tick = async (now) => {
      if (!this.isPlaying) return;
      // A hidden tab is not drawn; do not leap over what it missed.
      const passed = before === null ? 0 : Math.min(now - before, 500) / 1000;
      before = now;
      this.time = (this.time + passed * this.speed) % this.length;
      const frame = this.frameAt(this.time);
      if (frame !== this.frame) {
        this.frame = frame;
        await this.show(frame);
        this.drawn += 1;
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.changed();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  // The last frame that has begun, by bisection.
  frameAt(time) {
    let [low, high] = [0, this.times.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle;
      else high = middle;
    }
    return low;
  }
}
