// @ts-check
// A short sound of two soft notes. Browsers stay silent until the person clicks or presses a key on the page.

const NOTES = [[659.25, 0], [880, 0.14]]; // Hz, and when
const LENGTH = 0.35;
const LOUDNESS = 0.12;

export class Sound {
  #context = null;

  // Whether the last try could not be heard.
  silent = false;

  // Resolves to whether it can be heard. Call it when the person clicks or presses a key.
  async ready() {
    this.#context ??= new AudioContext();
    if (this.#context.state !== "running") {
      // without a click or key, resume() waits for ever
      const patience = new Promise((resolve) => setTimeout(resolve, 300));
      await Promise.race([this.#context.resume().catch(() => {}), patience]);
    }
    this.silent = this.#context.state !== "running";
    return !this.silent;
  }

  async play() {
    if (!(await this.ready())) return false;
    for (const [pitch, after] of NOTES) this.#note(pitch, this.#context.currentTime + after);
    return true;
  }

  #note(pitch, at) {
    const [tone, volume] = [this.#context.createOscillator(), this.#context.createGain()];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + LENGTH);
    tone.connect(volume).connect(this.#context.destination);
    tone.start(at);
    tone.stop(at + LENGTH);
  }
}
