/**
 * The certificates with which engines and replica servers prove themselves to each other, for
 * running without Kubernetes. ECDSA P-256, X.509 by `@peculiar/x509` (docs/decisions/0085).
 *
 * A certificate carries a name and is good for one part only: `replica` may be connected to,
 * `engine` may connect. Whoever steals a replica server's key cannot write to the others.
 */
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { Fault } from '../base/fault.ts';

/** PEM texts; the key is PKCS #8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export type Part = 'engine' | 'replica';

export interface Subject {
  readonly name: string;
  readonly part: Part;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

/** From an hour ago, for machines whose clocks differ. */
export function validFor(days: number, now = new Date()): Validity {
  return {
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter: new Date(now.getTime() + days * dayMs),
  };
}

export async function makeAuthority(validity: Validity): Promise<Issued> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serialNumber(),
    name: `CN=larder authority ${randomBytes(4).toString('hex')}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await exportKey(keys) };
}

/** @param subject the name is a lower-case DNS name, for example the node's */
export async function issue(
  authority: Issued,
  subject: Subject,
  validity: Validity,
): Promise<Issued> {
  const keys = await generateKeys();
  const certificate = await certify(authority, keys.publicKey, subject, validity);
  return { certificate, key: await exportKey(keys) };
}

/** The certificate of somebody who keeps the key: PEM. */
export async function certify(
  authority: Issued,
  publicKey: webcrypto.CryptoKey,
  { name, part }: Subject,
  validity: Validity,
): Promise<string> {
  const issuer = new X509Certificate(authority.certificate);
  const { serverAuth, clientAuth } = ExtendedKeyUsage;
  const certificate = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: serialNumber(),
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([part === 'replica' ? serverAuth : clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pem(certificate);
}

/** Of a request (PKCS #10, PEM), once its signature proves that who asks has the key. */
export async function publicKeyOf(request: string): Promise<webcrypto.CryptoKey> {
  const parsed = new Pkcs10CertificateRequest(request);
  if (!(await parsed.verify())) {
    throw new Fault('input.invalid', 'A certificate request is not signed with its own key.');
  }
  return parsed.publicKey.export(algorithm, ['verify']);
}

/** 127 bits, positive, as RFC 5280 (4.1.2.2) wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function importKey(key: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function exportKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return `${PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
