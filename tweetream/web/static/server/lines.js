// @ts-check
// Reads a long answer of the server line by line, and tells it when no more is wanted.

// The lines of an answer, some at a time. Rejects if it ends too early.
export async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      yield lines;
    }
  } finally {
    reader.cancel().catch(() => {}); // who stops to read wants no more of it; one that has failed fails again
  }
}
