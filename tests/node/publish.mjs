// Publishes a file as it is, in real time, with the FFmpeg 8 that comes inside of node-av; or several,
// beside each other:
//   node publish.mjs FILE URL|FILE.flv [FILE URL|FILE.flv ...]
// FILE is best an .mkv: the codec tags of MP4 are not those of FLV. Ends with the file. A
// file as the output is written at once.
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
}; // Node before 22

const { Demuxer, Muxer } = await import("node-av/api");
const AHEAD_MS = 20;

async function publish(file, url) {
  const input = await Demuxer.open(file);
  const output = await Muxer.open(url, { format: "flv" });
  const outputs = input.streams.map((stream) => output.addStream(stream));
  const live = url.startsWith("rtmp");
  const start = Date.now();
  for await (const packet of input.packets()) {
    if (!packet) continue;
    const base = input.streams[packet.streamIndex].timeBase;
    const at = (Number(packet.dts) * 1000 * base.num) / base.den;
    const wait = at - (Date.now() - start);
    if (live && wait > AHEAD_MS) await new Promise((done) => setTimeout(done, wait));
    await output.writePacket(packet, outputs[packet.streamIndex]);
  }
  await output.close();
  await input.close();
}

const all = [];
for (let i = 2; i < process.argv.length; i += 2) {
  all.push(publish(process.argv[i], process.argv[i + 1]));
}
await Promise.all(all);
