/**
 * Takes secrets out of a text before it leaves this machine: the values of every variable whose
 * name speaks of one, in clear, in base64 and percent-encoded, and what looks like a credential
 * whoever wrote it. Pulumi itself masks what it knows to be secret; this is for what it does not
 * know.
 */
const secretName = /PASS|TOKEN|SECRET|KEY|CREDENTIAL|KUBECONFIG|AUTH|BACKEND_URL/i;
/** Shorter values are words: masking them would hide the text and protect nothing. */
const shortestChars = 6;
const mask = '[redacted]';

/** Credentials by their form: of URLs, forges, clouds, and of private keys. */
const forms: readonly RegExp[] = [
  /(?<=:\/\/[^\s:/@]*:)[^\s@/]+(?=@)/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,}\b/g,
  /\bAKIA[A-Z0-9]{16}\b/g,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?-----END [A-Z ]*PRIVATE KEY-----/g,
];

export function redactor(
  env: Readonly<Record<string, string | undefined>>,
): (text: string) => string {
  const values = Object.entries(env)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value = '']) => [value, ...value.split('\n')])
    .map((value) => value.trim())
    .filter((value) => value.length >= shortestChars);
  const written = values.flatMap((value) => [
    value,
    Buffer.from(value, 'utf8').toString('base64'),
    encodeURIComponent(value),
  ]);
  // The longest first: a value that contains another must not leave its rest behind.
  const words = [...new Set(written)].toSorted((a, b) => b.length - a.length);
  return (text) => {
    const withoutValues = words.reduce((rest, word) => rest.replaceAll(word, mask), text);
    return forms.reduce((rest, form) => rest.replaceAll(form, mask), withoutValues);
  };
}
