/**
 * A node's certificate for the peer protocol, asked for through the Kubernetes API: the key is made
 * here and never leaves this machine, the controller signs (peer-signer.ts). The API server itself
 * says in the request which node the asking pod runs on, so nobody gets another node's name.
 */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Part } from './authority.ts';
import type { KubeClient } from './kube-client.ts';
import { until } from './until.ts';

export const peerSigner = 'larder.dev/peer';
export const requestsPath = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
/** Label of our requests, with the part. */
export const partLabel = 'larder.dev/part';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const answerMs = 60_000;
const lookMs = 500;

/** Paths of three PEM files. */
export interface PeerFiles {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
}

export function peerFilesIn(folder: string, part: Part): PeerFiles {
  return {
    key: path.join(folder, `${part}.key`),
    certificate: path.join(folder, `${part}.crt`),
    authority: path.join(folder, `${part}-authority.crt`),
  };
}

/**
 * Sees to it that the files are there and good for at least a third of their time. Rejects with
 * `cluster.unreachable` when nobody signs.
 *
 * @param folder in memory only, readable by root
 */
export async function ensurePeerIdentity(
  client: KubeClient,
  wanted: { readonly node: string; readonly part: Part; readonly folder: string },
): Promise<PeerFiles> {
  const files = peerFilesIn(wanted.folder, wanted.part);
  if (await isFresh(files)) return files;
  await mkdir(wanted.folder, { recursive: true, mode: 0o700 });
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${wanted.node}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: wanted.node }])],
  });
  const signed = await signatureFor(client, wanted, request.toString('pem'));
  const [leaf, ...authorities] = signed.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? [];
  if (leaf === undefined || authorities.length === 0) {
    throw new Fault('cluster.unreachable', 'The controller signed something that is no pair.');
  }
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  // Several while one follows another: all of them are trusted.
  await put(files.authority, authorities.map((each) => `${each}\n`).join(''));
  await put(files.key, `${PemConverter.encode(der, 'PRIVATE KEY')}\n`);
  await put(files.certificate, `${leaf}\n`);
  return files;
}

async function signatureFor(
  client: KubeClient,
  { node, part }: { readonly node: string; readonly part: Part },
  request: string,
): Promise<string> {
  const name = `larder-${part}-${node}-${randomBytes(6).toString('hex')}`;
  const usage = part === 'engine' ? 'client auth' : 'server auth';
  const body = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name, labels: { [partLabel]: part } },
    spec: {
      signerName: peerSigner,
      request: Buffer.from(request).toString('base64'),
      usages: ['digital signature', usage],
    },
  };
  const made = await client.send({ method: 'POST', path: requestsPath, body });
  if (made.code !== 201) {
    throw new Fault(
      'cluster.unreachable',
      `No certificate could be asked for: ${made.code} ${String(made.body['message'])}`,
      {
        retriable: true,
      },
    );
  }
  return until(async () => certificateOf(client, name), {
    forMs: answerMs,
    everyMs: lookMs,
    complaint: async () =>
      new Fault('cluster.unreachable', `Nobody signed the request ${name}.`, {
        retriable: true,
        hint: 'Look whether the controller of Larder runs.',
      }),
  });
}

async function certificateOf(client: KubeClient, name: string): Promise<string | undefined> {
  const { body: found } = await client.send({ method: 'GET', path: `${requestsPath}/${name}` });
  const { certificate, conditions } = answered.parse(found).status;
  if (certificate !== undefined) return Buffer.from(certificate, 'base64').toString();
  const refused = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refused === undefined) return undefined;
  throw new Fault('cluster.unreachable', `The certificate was refused: ${refused.message}`);
}

const answered = z.object({
  status: z
    .object({
      certificate: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), message: z.string().default('') }))
        .default([]),
    })
    .prefault({}),
});

/** Two thirds of its time have not passed. */
async function isFresh(files: PeerFiles): Promise<boolean> {
  try {
    await readFile(files.key);
    const { notBefore, notAfter } = new X509Certificate(await readFile(files.certificate, 'utf8'));
    const renewAt = notBefore.getTime() + ((notAfter.getTime() - notBefore.getTime()) * 2) / 3;
    return Date.now() < renewAt;
  } catch {
    return false;
  }
}

async function put(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
