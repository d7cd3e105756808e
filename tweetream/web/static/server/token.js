// @ts-check
// Asks the person for the token that a change needs, in a dialog.

export function tokenAsker(document) {
  const dialog = document.getElementById("token-dialog");
  const form = document.getElementById("token-form");
  const input = document.getElementById("token-input");
  const reason = document.getElementById("token-reason");
  let given = "";
  let asking = null; // two changes at a time wait for the same token

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
        // a header can only hold visible ASCII, so nothing else can be a token
        resolve(/^[\x21-\x7e]+$/.test(given) ? given : "");
      }, { once: true });
      dialog.showModal();
      input.focus();
    });

  return (why) => (asking ??= ask(why).finally(() => (asking = null)));
}
