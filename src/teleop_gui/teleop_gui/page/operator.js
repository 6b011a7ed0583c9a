const HOLD_MS = 80; // the server considers the drive key released after 250 ms without a message
const SILENT_MS = 1000; // without a new state for this long, the shown state is out of date
const element = (id) => document.getElementById(id);
let socket = null;
let holding = null;
let shown = null;
let number = 0;
let silenceTimer = null;

const send = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
const input = (message) => send({ ...message, shown: number });
const write = (id, text) => element(id).textContent === text || (element(id).textContent = text);

function showConnectionLoss() {
  hold(false);
  element("station").dataset.phase = "SILENT";
  element("panel").style.setProperty("--phase", "rgb(235, 104, 40)");
  write("status", "no connection: nothing is sent");
  write("hint", "in danger, use the robots' own emergency stop");
}

function hold(down) {
  if (down && !holding) {
    input({ hold: true });
    holding = setInterval(() => input({ hold: true }), HOLD_MS);
  } else if (!down && holding) {
    clearInterval(holding);
    holding = null;
    input({ hold: false });
  }
}

function position(event) {
  const box = element("picture").getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 1);
  return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

function showFutures(jpeg) {
  element("futures").hidden = !jpeg;
  if (jpeg) element("futures").firstChild.src = `data:image/jpeg;base64,${jpeg}`;
}

function show(state) {
  element("panel").style.setProperty("--phase", `rgb(${state.colour})`);
  write("status", state.status);
  write("hint", state.hint);
  write("robot", state.robot || "no robot");
  const reset = state.kind === "HARD_RESET";
  write("reason", state.reason);
  element("alarm").hidden = !state.question;
  write("question", state.question);
  if (state.futures !== undefined) showFutures(state.futures);
  element("uncertainty").hidden = !state.robot || reset || !(state.threshold > 0);
  element("uncertainty").value = state.uncertainty / state.threshold || 0;
  write("time", state.robot ? `${state.seconds} s under your control, ${state.ticks} actions` : "");
  write("drive", !state.robot ? ""
    : (state.held ? "drive key held" : "drive key released") + (state.clipped ? " · clipped to limits" : ""));
  write("waiting", `robots waiting: ${state.waiting.join(", ") || "none"}`);
  element("hold").classList.toggle("held", state.held);
  element("picture").style.visibility = state.robot ? "visible" : "hidden";
  element("station").dataset.phase = state.phase;
}

async function picture(data) {
  const next = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
  element("picture").src = next;
  await element("picture").decode().catch(() => {});
  if (shown) URL.revokeObjectURL(shown);
  shown = next;
}

function confirm(state) {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(showConnectionLoss, SILENT_MS);
  number = state.number;
  input({});
}

function leave(reason) {
  hold(false);
  clearTimeout(silenceTimer);
  element("station").hidden = true;
  element("login").hidden = false;
  element("refusal").textContent = reason;
}

function join(event) {
  event.preventDefault();
  const human = element("human").value;
  let refusal = "The connection was lost. Your robot has been handed back: the fleet may move it at any time.";
  element("refusal").textContent = "";
  socket = new WebSocket(new URL("operator", location.href.replace(/^http/, "ws").replace(/#.*/, "")));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => send({ human, token: element("token").value });
  let state = null;
  socket.onmessage = async ({ data }) => {
    if (typeof data !== "string") {
      await picture(data);
      return confirm(state);
    }
    state = JSON.parse(data);
    if (state.refused) return void (refusal = state.refused);
    element("login").hidden = true;
    element("station").hidden = false;
    write("who", human);
    show(state);
    if (!state.robot) confirm(state);
  };
  socket.onclose = () => leave(refusal);
}

element("login").addEventListener("submit", join);
element("picture").addEventListener("pointermove", (event) => input({ point: position(event) }));
element("picture").addEventListener("pointerdown", (event) => event.button === 0 && input({ click: position(event) }));
for (const name of ["pointerleave", "pointercancel"]) element("picture").addEventListener(name, () => input({ away: true }));
for (const button of document.querySelectorAll("[data-press]"))
  button.addEventListener("click", () => { input({ press: button.dataset.press }); button.blur(); });
element("hold").addEventListener("pointerdown", () => hold(true));
for (const name of ["pointerup", "pointercancel", "pointerleave"]) element("hold").addEventListener(name, () => hold(false));

addEventListener("keydown", (event) => {
  if (element("station").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "Space") {
    if (event.target.dataset?.press) return; // the focused button handles it
    event.preventDefault();
    hold(true);
  } else if (!event.repeat && /^Key[A-Z]$/.test(event.code)) input({ press: event.code.at(-1).toLowerCase() });
});
addEventListener("keyup", (event) => event.code === "Space" && hold(false));
addEventListener("blur", () => hold(false));
document.addEventListener("visibilitychange", () => document.hidden && hold(false));

element("token").value = location.hash.slice(1);
for (const human of await (await fetch("humans")).json()) element("human").add(new Option(human));
