/**
 * Who may talk to whom between engines and replica servers, over real sockets: TLS 1.3, both
 * certificates of one authority, each for its part, and the one that was asked for.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import { Fault } from '../../dataplane/base/fault.ts';
import {
  type Issued,
  issue,
  makeAuthority,
  type Part,
  validFor,
} from '../../dataplane/host/authority.ts';
import { type Credentials, HostAcceptor, HostConnector } from '../../dataplane/host/link.ts';
import type { Link } from '../../dataplane/ports/link.ts';

const day = 86_400_000;
const never = new AbortController().signal;

async function closed(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
}

interface Holder {
  readonly part: Part;
  readonly name?: string;
  readonly by?: Issued;
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
}

describe('peer TLS', () => {
  let ours: Issued;
  let theirs: Issued;
  let acceptor: HostAcceptor;
  let refusals: string[];
  let onRefused: () => void;
  const links: Link[] = [];
  const opened: HostAcceptor[] = [];

  before(async () => {
    ours = await makeAuthority(validFor(1));
    theirs = await makeAuthority(validFor(1));
  });

  afterEach(() => {
    for (const link of links.splice(0)) link.close();
    for (const each of opened.splice(0)) each.close();
  });

  /** What this holder has; it trusts our authority, whoever signed its own certificate. */
  async function credentials(holder: Holder): Promise<Credentials> {
    const { part, name = 'node-a', by = ours, from = -0.1, until = 1 } = holder;
    const validity = {
      notBefore: new Date(Date.now() + from * day),
      notAfter: new Date(Date.now() + until * day),
    };
    const issued = await issue(by, { name, part }, validity);
    return { ...issued, authority: ours.certificate };
  }

  async function listen(holder: Holder): Promise<number> {
    refusals = [];
    onRefused = () => {};
    acceptor = await HostAcceptor.listen('127.0.0.1:0', await credentials(holder), (why) => {
      refusals.push(why);
      onRefused();
    });
    opened.push(acceptor);
    return acceptor.port;
  }

  async function connect(port: number, holder: Holder, name = 'node-a'): Promise<Link> {
    const connector = new HostConnector(await credentials(holder));
    const link = await connector.connect(`${name}@127.0.0.1:${port}`, never);
    links.push(link);
    return link;
  }

  const isLost = (error: unknown) => error instanceof Fault && error.code === 'link.lost';
  const isInvalid = (error: unknown) => error instanceof Fault && error.code === 'input.invalid';

  it('carries bytes, and tells each end the name of the other, when both prove themselves', async () => {
    const port = await listen({ part: 'replica' });
    const accepted = acceptor.accept();
    const near = await connect(port, { part: 'engine', name: 'node-b' });
    const far = await accepted;
    assert.ok(far !== undefined);
    links.push(far);
    assert.equal(near.peerName, 'node-a');
    assert.equal(far.peerName, 'node-b');
    await near.write([Buffer.from('hello')]);
    assert.equal(Buffer.from((await far.read()) ?? []).toString(), 'hello');
  });

  const badServers: readonly { readonly when: string; readonly holder: () => Holder }[] = [
    { when: 'is of another cluster', holder: () => ({ part: 'replica', by: theirs }) },
    { when: 'has expired', holder: () => ({ part: 'replica', from: -2, until: -1 }) },
    { when: 'is not yet valid', holder: () => ({ part: 'replica', from: 1, until: 2 }) },
    { when: 'is that of another member', holder: () => ({ part: 'replica', name: 'node-c' }) },
    { when: 'is one for engines', holder: () => ({ part: 'engine' }) },
  ];
  for (const { when, holder } of badServers) {
    it(`an engine does not talk to a replica server whose certificate ${when}`, async () => {
      const port = await listen(holder());
      await assert.rejects(connect(port, { part: 'engine' }), isLost);
    });
  }

  /** Neither side gets a link that carries anything. */
  async function isTurnedAway(open: (port: number) => Promise<unknown>): Promise<string> {
    const port = await listen({ part: 'replica' });
    let accepted: Link | undefined;
    void acceptor.accept().then((link) => {
      accepted = link;
    });
    const refused = new Promise<void>((resolve) => {
      onRefused = resolve;
    });
    await open(port);
    await refused;
    assert.equal(accepted, undefined, 'a connection was handed over');
    return refusals.join();
  }

  const badClients: readonly { readonly when: string; readonly holder: () => Holder }[] = [
    { when: 'is of another cluster', holder: () => ({ part: 'engine', by: theirs }) },
    { when: 'has expired', holder: () => ({ part: 'engine', from: -2, until: -1 }) },
    { when: 'is not yet valid', holder: () => ({ part: 'engine', from: 1, until: 2 }) },
    { when: 'is one for replica servers', holder: () => ({ part: 'replica' }) },
  ];
  for (const { when, holder } of badClients) {
    it(`a replica server does not talk to an engine whose certificate ${when}`, async () => {
      await isTurnedAway(async (port) => {
        // With TLS 1.3 the client is through its handshake before the server has looked.
        const link = await connect(port, holder()).catch(() => undefined);
        const heard = await link?.read().catch(() => undefined);
        assert.equal(heard, undefined);
      });
    });
  }

  it('a replica server does not talk to whoever shows no certificate', async () => {
    const why = await isTurnedAway(async (port) => {
      const ca = ours.certificate;
      const socket = tls.connect({ host: '127.0.0.1', port, ca, servername: 'node-a' });
      await closed(socket);
    });
    assert.match(why, /did not return a certificate/);
  });

  it('a replica server does not talk TLS 1.2', async () => {
    const { key, certificate: cert, authority: ca } = await credentials({ part: 'engine' });
    const why = await isTurnedAway(async (port) => {
      const at = { host: '127.0.0.1', port, servername: 'node-a' };
      const socket = tls.connect({ ...at, key, cert, ca, maxVersion: 'TLSv1.2' });
      await closed(socket);
    });
    assert.match(why, /protocol/);
  });

  it('a replica server with certificates does not talk to plain TCP', async () => {
    await isTurnedAway(async (port) => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.write('a frame, not a handshake');
      await closed(socket);
    });
  });

  it('takes new certificates for the connections to come', async () => {
    const port = await listen({ part: 'replica', from: -2, until: -1 });
    await assert.rejects(connect(port, { part: 'engine' }), isLost);
    acceptor.renew(await credentials({ part: 'replica' }));
    await connect(port, { part: 'engine' });
  });

  it('asks for a name where it connects with certificates, and refuses one without', async () => {
    const secured = new HostConnector(await credentials({ part: 'engine' }));
    await assert.rejects(secured.connect('127.0.0.1:1', never), isInvalid);
    await assert.rejects(
      new HostConnector(undefined).connect('node-a@127.0.0.1:1', never),
      isInvalid,
    );
  });

  it('goes without certificates on this machine only', async () => {
    for (const address of ['0.0.0.0:0', '[::]:0', '10.0.0.1:0', '127.example.org:0']) {
      await assert.rejects(HostAcceptor.listen(address, undefined), isInvalid, address);
      await assert.rejects(new HostConnector(undefined).connect(address, never), isInvalid);
    }
    const plain = await HostAcceptor.listen('127.0.0.1:0', undefined);
    opened.push(plain);
    const accepted = plain.accept();
    const near = await new HostConnector(undefined).connect(`127.0.0.1:${plain.port}`, never);
    const far = await accepted;
    assert.ok(far !== undefined);
    links.push(near, far);
    assert.equal(far.peerName, '');
  });
});
