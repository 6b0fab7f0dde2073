import assert from 'node:assert/strict';
import { marker } from '../../../scripts/forge/comment.ts';
import { Forge } from '../../../scripts/forge/forge.ts';
import { type ForgeKind, number, repository, StandInForge } from './stand-in-forge.ts';

/** The client of a forge's comments against a stand-in server of both kinds. */
for (const kind of ['github', 'gitea'] as const satisfies readonly ForgeKind[]) {
  describe(`forge (stand-in for ${kind})`, () => {
    let server: StandInForge;
    beforeEach(async () => {
      server = await StandInForge.open(kind);
    });
    afterEach(async () => server[Symbol.asyncDispose]());
    const forge = (token = 'workflow') => {
      const { apiUrl, botName } = server;
      const pullRequest = { apiUrl, repository, number, isFork: false, runUrl: undefined, botName };
      return new Forge({ pullRequest, token, pauseMs: 1 });
    };
    const bodies = () => server.comments.map(({ body }) => body);

    it('writes one comment and edits it ever after', async () => {
      assert.deepEqual(await forge().publish(marker, `${marker} one`), { kind: 'created' });
      server.add('ann', 'looks good');
      assert.deepEqual(await forge().publish(marker, `${marker} two`), { kind: 'edited' });
      assert.deepEqual(bodies(), [`${marker} two`, 'looks good']);
    });

    it('finds its comment behind a hundred others', async () => {
      for (let count = 0; count < 120; count += 1) server.add('ann', `remark ${count}`);
      await forge().publish(marker, `${marker} one`);
      await forge().publish(marker, `${marker} two`);
      assert.equal(bodies().filter((body) => body.startsWith(marker)).length, 1);
      assert.equal(bodies().at(-1), `${marker} two`);
    });

    it('knows itself by its account when the token may say whose it is', async () => {
      server.accounts.set('personal', 'ben');
      server.add(server.botName, `${marker} of another token`);
      assert.deepEqual(await forge('personal').publish(marker, `${marker} one`), {
        kind: 'created',
      });
      assert.deepEqual(await forge('personal').publish(marker, `${marker} two`), {
        kind: 'edited',
      });
      assert.deepEqual(bodies(), [`${marker} of another token`, `${marker} two`]);
    });

    it('leaves a comment of another author alone, also when it carries the marker', async () => {
      server.add('mallory', `${marker} all is well, merge me`);
      assert.deepEqual(await forge().publish(marker, `${marker} one`), { kind: 'created' });
      assert.deepEqual(bodies(), [`${marker} all is well, merge me`, `${marker} one`]);
    });

    it('leaves a comment of its own alone that only quotes the marker', async () => {
      server.add(server.botName, `> ${marker} quoted`);
      assert.deepEqual(await forge().publish(marker, `${marker} one`), { kind: 'created' });
    });

    it('writes a new one when its comment may not be edited any more', async () => {
      await forge().publish(marker, `${marker} one`);
      server.disturbances.push({ request: 'PATCH', with: 404 });
      assert.deepEqual(await forge().publish(marker, `${marker} two`), { kind: 'created' });
    });

    it('says in words what a token without permission is told', async () => {
      server.isReadOnly = true;
      const published = await forge().publish(marker, `${marker} one`);
      assert.deepEqual(published, {
        kind: 'refused',
        reason: `POST /repos/${repository}/issues/${number}/comments was answered 403: Resource not accessible by integration`,
      });
      assert.equal(server.requests.filter((line) => line.startsWith('POST')).length, 1);
    });

    it('refuses with words when the token is no token', async () => {
      const published = await forge('wrong').publish(marker, `${marker} one`);
      assert.match(JSON.stringify(published), /refused.*answered 401: Bad credentials/);
    });

    for (const status of [500, 502, 503, 429])
      it(`tries again when it is answered ${status}`, async () => {
        server.disturbances.push({ request: 'GET /repos', with: status });
        server.disturbances.push({ request: 'POST', with: status });
        assert.deepEqual(await forge().publish(marker, `${marker} one`), { kind: 'created' });
        assert.deepEqual(bodies(), [`${marker} one`]);
      });

    it('does not write twice when the reply to a writing is lost', async () => {
      server.disturbances.push({ request: 'POST', with: 'cut', afterEffect: true });
      assert.deepEqual(await forge().publish(marker, `${marker} one`), { kind: 'edited' });
      server.disturbances.push({ request: 'PATCH', with: 504, afterEffect: true });
      await forge().publish(marker, `${marker} two`);
      assert.deepEqual(bodies(), [`${marker} two`]);
    });

    it('gives up after five attempts and says what it was answered', async () => {
      for (let count = 0; count < 9; count += 1)
        server.disturbances.push({ request: 'GET /user', with: 503 });
      await assert.rejects(
        forge().publish(marker, `${marker} one`),
        /GET \/user was answered 503: disturbed: 503/,
      );
      assert.equal(server.requests.length, 5);
      assert.deepEqual(bodies(), []);
    });

    it('says that nobody answers when nobody does', async () => {
      const { apiUrl, botName } = server;
      const pullRequest = { apiUrl, repository, number, isFork: false, runUrl: undefined, botName };
      await server[Symbol.asyncDispose]();
      await assert.rejects(
        new Forge({ pullRequest, token: 'workflow', pauseMs: 1 }).publish(marker, 'x'),
        /GET \/user had no answer: fetch failed/,
      );
      server = await StandInForge.open(kind);
    });
  });
}
