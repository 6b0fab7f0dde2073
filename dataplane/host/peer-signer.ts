/**
 * Signs the nodes' certificates for the peer protocol. The authority lives in a Secret that only
 * the controller reads. A request is approved when the API server says that it came from our node
 * service account on the very node whose name it asks for; every other one is denied, with the
 * reason.
 */
import 'reflect-metadata';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import {
  type Issued,
  certify,
  makeAuthority,
  type Part,
  publicKeyOf,
  validFor,
} from './authority.ts';
import type { KubeClient } from './kube-client.ts';
import { partLabel, peerSigner, requestsPath } from './peer-identity.ts';

const authorityDays = 3650;
const leafDays = 90;
const secretName = 'larder-peer-authority';
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
  #authority: Issued | undefined;

  constructor(client: KubeClient, log: Log, namespace: string) {
    this.#client = client;
    this.#log = log;
    this.#namespace = namespace;
  }

  /** Answers every request that waits. Rejects with `cluster.unreachable`. */
  async signWaiting(): Promise<void> {
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
      await this.#answer(request.data, item as Record<string, unknown>);
    }
  }

  async #answer(request: SigningRequest, whole: Record<string, unknown>): Promise<void> {
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
    const authority = await this.#ensureAuthority();
    const leaf = await certify(
      authority,
      await publicKeyOf(Buffer.from(request.spec.request, 'base64').toString()),
      { name: node, part: part as Part },
      validFor(leafDays),
    );
    const certificate = Buffer.from(`${leaf}${authority.certificate}`).toString('base64');
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

  async #ensureAuthority(): Promise<Issued> {
    if (this.#authority !== undefined) return this.#authority;
    const at = `/api/v1/namespaces/${this.#namespace}/secrets`;
    const found = await this.#client.send({ method: 'GET', path: `${at}/${secretName}` });
    if (found.code === 200) return (this.#authority = authorityIn(found.body));
    if (found.code !== 404) throw failed('The authority cannot be read', found.code, found.body);
    const made = await makeAuthority(validFor(authorityDays));
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName, labels: { 'app.kubernetes.io/managed-by': 'larder' } },
      type: 'larder.dev/authority',
      stringData: { 'authority.crt': made.certificate, 'authority.key': made.key },
    };
    const created = await this.#client.send({ method: 'POST', path: at, body });
    // Another controller was first: its authority is the one.
    if (created.code === 409) return this.#ensureAuthority();
    if (created.code !== 201) {
      throw failed('The authority cannot be kept', created.code, created.body);
    }
    return (this.#authority = made);
  }
}

const secretSchema = z.object({
  data: z.object({ 'authority.crt': z.string(), 'authority.key': z.string() }),
});

function authorityIn(secret: unknown): Issued {
  const { data } = secretSchema.parse(secret);
  const text = (base64: string) => Buffer.from(base64, 'base64').toString();
  return { certificate: text(data['authority.crt']), key: text(data['authority.key']) };
}

function failed(what: string, code: number, body: Record<string, unknown>): Fault {
  const message = typeof body['message'] === 'string' ? body['message'] : '';
  return new Fault('cluster.unreachable', `${what}: ${code} ${message}`, { retriable: true });
}
