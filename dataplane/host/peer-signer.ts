/**
 * Signs the nodes' certificates for the peer protocol. The authority lives in a Secret that only
 * the controller reads, and is followed by another in time (authority-keyring.ts). A request is
 * approved when the API server says that it came from our node service account on the very node
 * whose name it asks for; every other one is denied, with the reason.
 */
import 'reflect-metadata';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import { certify, makeAuthority, type Part, publicKeyOf, validFor } from './authority.ts';
import {
  authorityDays,
  type Keyring,
  leafDays,
  rolled,
  rollOf,
  trusted,
} from './authority-keyring.ts';
import type { KubeClient } from './kube-client.ts';
import { partLabel, peerSigner, requestsPath } from './peer-identity.ts';

const secretName = 'larder-peer-authority';
/** On the Secret: somebody wants another authority; taken away when that has begun. */
const rollAnnotation = 'larder.dev/new-authority';
/** How often it is looked whether the authority is to change. */
const lookMs = 600_000;
const nodeNameExtra = 'authentication.kubernetes.io/node-name';

const requestSchema = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    signerName: z.string(),
    request: z.string(),
    username: z.string().default(''),
    extra: z.record(z.string(), z.array(z.string())).default({}),
  }),
  status: z
    .object({
      certificate: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string() })).default([]),
    })
    .prefault({}),
});

type SigningRequest = z.output<typeof requestSchema>;

export class PeerSigner {
  readonly #client: KubeClient;
  readonly #log: Log;
  readonly #namespace: string;
  readonly #now: () => Date;
  #keyring: { readonly is: Keyring; readonly until: number } | undefined;

  /** @param now the wall clock: certificates are about nothing else */
  constructor(client: KubeClient, log: Log, namespace: string, now = () => new Date()) {
    this.#client = client;
    this.#log = log;
    this.#namespace = namespace;
    this.#now = now;
  }

  /** Answers every request that waits. Rejects with `cluster.unreachable`. */
  async signWaiting(): Promise<void> {
    const keyring = await this.#ensureKeyring();
    const selector = encodeURIComponent(`spec.signerName=${peerSigner}`);
    const path = `${requestsPath}?fieldSelector=${selector}`;
    const { code, body } = await this.#client.send({ method: 'GET', path });
    if (code !== 200) throw failed('The certificate requests cannot be listed', code, body);
    const items = Array.isArray(body['items']) ? (body['items'] as unknown[]) : [];
    for (const item of items) {
      const request = requestSchema.safeParse(item);
      if (!request.success) continue;
      const { certificate, conditions } = request.data.status;
      if (certificate !== undefined || conditions.some(({ type }) => type === 'Denied')) continue;
      await this.#answer(request.data, item as Record<string, unknown>, keyring);
    }
  }

  async #answer(
    request: SigningRequest,
    whole: Record<string, unknown>,
    keyring: Keyring,
  ): Promise<void> {
    const { name, labels } = request.metadata;
    const node = request.spec.extra[nodeNameExtra]?.[0] ?? '';
    const part = labels[partLabel];
    const problem = this.#problemOf(request, node, part);
    const condition = {
      type: problem === undefined ? 'Approved' : 'Denied',
      status: 'True',
      reason: problem === undefined ? 'NodeProved' : 'NotProved',
      message: problem ?? `The pod that asked runs on ${node}.`,
    };
    const conditions = [...request.status.conditions, condition];
    const status = { conditions };
    const decided = await this.#client.send({
      method: 'PUT',
      path: `${requestsPath}/${name}/approval`,
      body: { ...whole, status },
    });
    if (decided.code !== 200) throw failed(`${name} cannot be decided`, decided.code, decided.body);
    if (problem !== undefined) {
      this.#log.warn('denied a certificate', { request: name, why: problem });
      return;
    }
    const leaf = await certify(
      keyring.current,
      await publicKeyOf(Buffer.from(request.spec.request, 'base64').toString()),
      { name: node, part: part as Part },
      validFor(leafDays, this.#now()),
    );
    // The first is the node's, the others are whom it is to trust.
    const chain = [leaf, ...trusted(keyring)].join('');
    const certificate = Buffer.from(chain).toString('base64');
    const signed = await this.#client.send({
      method: 'PUT',
      path: `${requestsPath}/${name}/status`,
      body: { ...decided.body, status: { ...status, certificate } },
    });
    if (signed.code !== 200) throw failed(`${name} cannot be signed`, signed.code, signed.body);
    this.#log.info('signed a certificate', { node, part: part ?? '' });
  }

  #problemOf(request: SigningRequest, node: string, part: string | undefined): string | undefined {
    const wanted = `system:serviceaccount:${this.#namespace}:larder-node`;
    if (request.spec.username !== wanted) return `It was asked for by ${request.spec.username}.`;
    if (node === '') return 'The token it was asked with is bound to no node.';
    if (part !== 'engine' && part !== 'replica') return `The part "${part ?? ''}" is unknown.`;
    return undefined;
  }

  async #ensureKeyring(): Promise<Keyring> {
    const nowMs = this.#now().getTime();
    if (this.#keyring !== undefined && nowMs < this.#keyring.until) return this.#keyring.is;
    const at = `/api/v1/namespaces/${this.#namespace}/secrets`;
    const found = await this.#client.send({ method: 'GET', path: `${at}/${secretName}` });
    if (found.code !== 200 && found.code !== 404) {
      throw failed('The authority cannot be read', found.code, found.body);
    }
    const is = found.code === 200 ? await this.#roll(found.body) : await this.#first(at);
    // Another controller was first: what it wrote is what counts.
    if (is === undefined) return this.#ensureKeyring();
    this.#keyring = { is, until: nowMs + lookMs };
    return is;
  }

  /** Undefined when somebody else has made one meanwhile. */
  async #first(at: string): Promise<Keyring | undefined> {
    const current = await makeAuthority(validFor(authorityDays, this.#now()));
    const metadata = { name: secretName, labels: { 'app.kubernetes.io/managed-by': 'larder' } };
    const body = { ...secretOf({ current }), metadata };
    const created = await this.#client.send({ method: 'POST', path: at, body });
    if (created.code === 409) return undefined;
    if (created.code === 201) return { current };
    throw failed('The authority cannot be kept', created.code, created.body);
  }

  /** Takes the step that is due. Undefined when somebody else wrote meanwhile. */
  async #roll(secret: Record<string, unknown>): Promise<Keyring | undefined> {
    const { keyring, metadata } = keyringIn(secret);
    const now = this.#now();
    const roll = rollOf(keyring, now, metadata.annotations?.[rollAnnotation] !== undefined);
    if (roll === undefined) return keyring;
    const next = await rolled(keyring, roll, now);
    const { [rollAnnotation]: _, ...annotations } = metadata.annotations ?? {};
    const path = `/api/v1/namespaces/${this.#namespace}/secrets/${secretName}`;
    const body = { ...secretOf(next), metadata: { ...metadata, annotations } };
    const put = await this.#client.send({ method: 'PUT', path, body });
    if (put.code === 409) return undefined;
    if (put.code !== 200) throw failed('The authority cannot be changed', put.code, put.body);
    this.#log.info('changes the authority of the peers', { step: roll });
    return next;
  }
}

const pem = z.string().transform((base64) => Buffer.from(base64, 'base64').toString());

const secretSchema = z.object({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).optional() }),
  data: z.object({
    'authority.crt': pem,
    'authority.key': pem,
    'next.crt': pem.optional(),
    'next.key': pem.optional(),
    'previous.crt': pem.optional(),
  }),
});

function keyringIn(secret: unknown) {
  const { metadata, data } = secretSchema.parse(secret);
  const current = { certificate: data['authority.crt'], key: data['authority.key'] };
  const [certificate, key] = [data['next.crt'], data['next.key']];
  const previous = data['previous.crt'];
  const keyring: Keyring = {
    current,
    ...(certificate === undefined || key === undefined ? {} : { next: { certificate, key } }),
    ...(previous === undefined ? {} : { previous }),
  };
  return { keyring, metadata };
}

/** Without its metadata. */
function secretOf({ current, next, previous }: Keyring) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'larder.dev/authority',
    stringData: {
      'authority.crt': current.certificate,
      'authority.key': current.key,
      ...(next === undefined ? {} : { 'next.crt': next.certificate, 'next.key': next.key }),
      ...(previous === undefined ? {} : { 'previous.crt': previous }),
    },
  };
}

function failed(what: string, code: number, body: Record<string, unknown>): Fault {
  const message = typeof body['message'] === 'string' ? body['message'] : '';
  return new Fault('cluster.unreachable', `${what}: ${code} ${message}`, { retriable: true });
}
