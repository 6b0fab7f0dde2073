/**
 * A lock held by one process on this machine: an abstract unix socket named after the file that it
 * guards. The kernel gives the name to one listener at a time and takes it back when that process
 * ends, however it ends, so no stale lock is ever left and nobody polls: who waits is connected to
 * the holder and wakes up when the connection closes. No file is made.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';

export interface LockOptions {
  /** What the holder does, shown to those who wait. */
  readonly what: string;
  /** Called once when the lock is held by somebody else. */
  readonly onWait?: (holder: string) => void;
  readonly signal?: AbortSignal;
}

/** Waits for the lock on `file` (any path, it need not exist); give it back with `using`. */
export async function acquireLock(file: string, options: LockOptions): Promise<Disposable> {
  const digest = createHash('sha256').update(path.resolve(file)).digest('hex').slice(0, 32);
  // A leading NUL makes the name abstract: unix(7).
  const address = `\0larder-lock-${digest}`;
  let onWait = options.onWait;
  for (;;) {
    options.signal?.throwIfAborted();
    const lock = await take(address, `${options.what} (process ${process.pid})`);
    if (lock !== undefined) return lock;
    await released(address, options.signal, (holder) => {
      onWait?.(holder);
      onWait = undefined;
    });
  }
}

/** Undefined when somebody else holds it. */
async function take(address: string, holder: string): Promise<Disposable | undefined> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on('close', () => waiting.delete(socket));
    socket.on('error', () => {}); // a waiter that was interrupted
    socket.unref();
    socket.write(holder);
  });
  if (!(await listens(server, address))) return undefined;
  // A lock alone keeps no process alive.
  server.unref();
  return {
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}

async function listens(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(address, () => resolve(true));
  });
}

/** Resolves when the holder has let go or is gone. */
async function released(
  address: string,
  signal: AbortSignal | undefined,
  onHolder: (holder: string) => void,
): Promise<void> {
  const socket = connect(address);
  const abort = () => socket.destroy();
  signal?.addEventListener('abort', abort);
  try {
    await new Promise<void>((resolve) => {
      socket.once('data', (text: Buffer) => onHolder(text.toString()));
      // Refused: the holder let go between our two calls.
      socket.once('error', () => resolve());
      socket.once('close', () => resolve());
    });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
