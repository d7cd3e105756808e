// @ts-check
// Asks for the token that the server wants for a change, in a dialog of the page.

export function tokenAsker(document) {
  const dialog = document.getElementById("token-dialog");
  const form = document.getElementById("token-form");
  const input = document.getElementById("token-input");
  const reason = document.getElementById("token-reason");
  let given = "";
  let asking = null; // two changes that want a token at a time wait for the same one

  form.addEventListener("submit", () => {
    given = input.value.trim();
  });
  document.getElementById("token-cancel").addEventListener("click", () => dialog.close());

  const ask = (why) =>
    new Promise((resolve) => {
      given = "";
      input.value = "";
      reason.textContent = why;
      dialog.addEventListener("close", () => {
        input.value = "";
        // a header carries visible ASCII alone; anything else could be no token
        resolve(/^[\x21-\x7e]+$/.test(given) ? given : "");
      }, { once: true });
      dialog.showModal();
      input.focus();
    });

  return (why) => (asking ??= ask(why).finally(() => (asking = null)));
}
