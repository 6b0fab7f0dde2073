/** The next frame of a link, or undefined when the other end has finished. */
import type { Frame, FrameReader } from '../peer/frame.ts';
import type { Link } from '../ports/link.ts';

export async function nextFrame(link: Link, frames: FrameReader): Promise<Frame | undefined> {
  for (;;) {
    const frame = frames.next();
    if (frame !== undefined) return frame;
    const chunk = await link.read();
    if (chunk === undefined) return undefined;
    frames.push(chunk);
  }
}
