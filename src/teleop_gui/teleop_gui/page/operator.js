const HOLD_MS = 80; // the server takes the drive key for released after 250 ms without a word
const at = (id) => document.getElementById(id);
let socket = null;
let holding = null;
let shown = null;

const say = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

function hold(down) {
  if (down && !holding) {
    say({ hold: true });
    holding = setInterval(() => say({ hold: true }), HOLD_MS);
  } else if (!down && holding) {
    clearInterval(holding);
    holding = null;
    say({ hold: false });
  }
}

function place(event) {
  const box = at("picture").getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 1);
  return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

function show(state) {
  const number = (value) => (value === null ? "unknown" : value.toFixed(2));
  at("panel").style.setProperty("--phase", `rgb(${state.colour})`);
  at("says").textContent = state.says;
  at("hint").textContent = state.hint;
  at("robot").textContent = state.robot || "nobody";
  const reset = state.kind === "HARD_RESET";
  at("why").textContent = !state.robot ? "" : reset ? "needs a hard reset"
    : `unsure: ${number(state.uncertainty)} of ${number(state.threshold)} nats`;
  at("unsure").hidden = !state.robot || reset || !(state.threshold > 0);
  at("unsure").value = state.uncertainty / state.threshold || 0;
  at("time").textContent = state.robot ? `${state.seconds} s under your control, ${state.ticks} actions` : "";
  at("drive").textContent = !state.robot ? ""
    : (state.held ? "drive key held" : "drive key released") + (state.shortened ? " · shortened to what is allowed" : "");
  at("waiting").textContent = `waiting: ${state.waiting.join(", ") || "nobody"}`;
  at("hold").classList.toggle("held", state.held);
  at("picture").style.visibility = state.robot ? "visible" : "hidden";
  at("station").dataset.phase = state.phase;
}

function picture(data) {
  if (shown) URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
  at("picture").src = shown;
}

function leave(sentence) {
  hold(false);
  at("station").hidden = true;
  at("login").hidden = false;
  at("refusal").textContent = sentence;
}

function join(event) {
  event.preventDefault();
  const human = at("human").value;
  let refusal = "The connection is lost. Whatever robot you had, it holds.";
  at("refusal").textContent = "";
  socket = new WebSocket(new URL("operator", location.href.replace(/^http/, "ws").replace(/#.*/, "")));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => say({ human, token: at("token").value });
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return picture(data);
    const state = JSON.parse(data);
    if (state.refused) return void (refusal = state.refused);
    at("login").hidden = true;
    at("station").hidden = false;
    at("who").textContent = human;
    show(state);
  };
  socket.onclose = () => leave(refusal);
}

at("login").addEventListener("submit", join);
at("picture").addEventListener("pointermove", (event) => say({ point: place(event) }));
at("picture").addEventListener("pointerdown", (event) => say({ click: place(event) }));
for (const button of document.querySelectorAll("[data-press]"))
  button.addEventListener("click", () => { say({ press: button.dataset.press }); button.blur(); });
at("hold").addEventListener("pointerdown", () => hold(true));
for (const over of ["pointerup", "pointercancel", "pointerleave"]) at("hold").addEventListener(over, () => hold(false));

addEventListener("keydown", (event) => {
  if (at("station").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "Space") {
    event.preventDefault();
    hold(true);
  } else if (!event.repeat && /^[a-z]$/i.test(event.key)) say({ press: event.key });
});
addEventListener("keyup", (event) => event.code === "Space" && hold(false));
addEventListener("blur", () => hold(false));
document.addEventListener("visibilitychange", () => document.hidden && hold(false));

at("token").value = location.hash.slice(1);
for (const human of await (await fetch("humans")).json()) at("human").add(new Option(human));
