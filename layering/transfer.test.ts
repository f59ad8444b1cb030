import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { openConnections, shownUrl } from '#layering/http-get.ts';
import type { TransferSettings } from '#layering/repository-config.ts';
import { fetchBytes, fetchFile, type Transfer, type WantedFile } from '#layering/transfer.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-transfer-'));
const servers: http.Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.closeAllConnections()));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const content = Buffer.from('0123456789'.repeat(1000));
const sha256 = createHash('sha256').update(content).digest('hex');
const SETTINGS: TransferSettings = {
  sslVerify: true,
  sslCaCert: null,
  sslClientCert: null,
  sslClientKey: null,
  proxy: '',
  username: null,
  password: null,
};

describe('a file from a server', () => {
  test('arrives whole, is checked, and is not fetched again', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests += 1;
      response.end(content);
    });
    const file = wanted([url]);
    await fetchFile(file, transfer());
    await fetchFile(file, transfer());
    expect(fs.readFileSync(file.target)).toEqual(content);
    expect(requests).toBe(1);
  });

  test('is continued where an earlier try ended', async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      response.writeHead(206);
      response.end(content.subarray(4000));
    });
    const file = wanted([url]);
    fs.writeFileSync(`${file.target}.part`, content.subarray(0, 4000));
    await fetchFile(file, transfer());
    expect(ranges).toEqual(['bytes=4000-']);
    expect(fs.readFileSync(file.target)).toEqual(content);
  });

  test('begins anew where the server does not continue', async () => {
    const url = await serve((_request, response) => response.end(content));
    const file = wanted([url]);
    fs.writeFileSync(`${file.target}.part`, 'something else');
    await fetchFile(file, transfer());
    expect(fs.readFileSync(file.target)).toEqual(content);
  });

  test('comes from the next address where the first fails or lies', async () => {
    const gone = await serve((_request, response) => response.writeHead(404).end());
    const wrong = await serve((_request, response) => response.end(Buffer.alloc(content.length, 'x')));
    const right = await serve((_request, response) => response.end(content));
    const file = wanted([gone, wrong, right]);
    await fetchFile(file, transfer());
    expect(fs.readFileSync(file.target)).toEqual(content);
  });

  test('continues no part that another address began wrongly, nor one that lies there', async () => {
    const broken = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': content.length }).write(Buffer.alloc(9, 'x'));
      setTimeout(() => response.destroy(), 10);
    });
    const asked: (string | undefined)[] = [];
    const right = await serve((request, response) => {
      asked.push(request.headers.range);
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(from > 0 ? 206 : 200).end(content.subarray(from));
    });
    const file = wanted([broken, right]);
    await fetchFile(file, transfer());
    expect(fs.readFileSync(file.target)).toEqual(content);
    expect(asked).toEqual(['bytes=9-', undefined]);
    for (const length of [9, content.length]) {
      const other = wanted([right]);
      fs.writeFileSync(`${other.target}.part`, Buffer.alloc(length, 'x'));
      await fetchFile(other, transfer());
      expect(fs.readFileSync(other.target)).toEqual(content);
    }
  });

  test('takes a part for what the server says that it is', async () => {
    const whole = await serve((_request, response) => {
      const range = `bytes 0-${content.length - 1}/${content.length}`;
      response.writeHead(206, { 'content-range': range }).end(content);
    });
    const file = wanted([whole]);
    fs.writeFileSync(`${file.target}.part`, content.subarray(0, 4000));
    await fetchFile(file, transfer());
    expect(fs.readFileSync(file.target)).toEqual(content);
    const odd = await serve((_request, response) =>
      response.writeHead(206, { 'content-range': 'bytes 7-' }).end(content.subarray(7)),
    );
    const other = wanted([odd]);
    fs.writeFileSync(`${other.target}.part`, content.subarray(0, 4000));
    await expect(fetchFile(other, transfer())).rejects.toThrow('another part, from byte 7 on');
  });

  test('with other content is refused, and nothing of it stays', async () => {
    const url = await serve((_request, response) => response.end(Buffer.alloc(content.length, 'x')));
    const file = wanted([url]);
    await expect(fetchFile(file, transfer())).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(fs.existsSync(file.target) || fs.existsSync(`${file.target}.part`)).toBe(false);
  });

  test('that never ends is not read to its end', async () => {
    const url = await serve((_request, response) => {
      const more = (): void => void response.write(Buffer.alloc(1 << 16), () => more());
      more();
    });
    await expect(fetchFile(wanted([url]), transfer())).rejects.toThrow('longer than the 10000 bytes');
    await expect(fetchBytes(url, transfer(), 1000)).rejects.toThrow('longer than 1000 bytes');
  });

  test('that breaks off is tried again', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests += 1;
      if (requests === 1)
        response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 9));
      if (requests === 1) setTimeout(() => response.destroy(), 20);
      else response.end(content);
    });
    await fetchFile(wanted([url]), transfer());
    expect(requests).toBe(2);
  });

  test('is abandoned when the run is interrupted', async () => {
    const url = await serve(() => undefined);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 30);
    await expect(fetchFile(wanted([url]), { ...transfer(), signal: stop.signal })).rejects.toThrow(/abort/i);
  });

  test('a weak checksum is refused before anything is fetched', async () => {
    const file = { ...wanted(['http://127.0.0.1:1/x']), checksum: { type: 'md5', hex: 'aa' } };
    await expect(fetchFile(file, transfer())).rejects.toMatchObject({ code: 'WEAK_CHECKSUM' });
  });
});

describe('credentials', () => {
  test('go to the server, and not where it redirects to', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(content);
    });
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: other }).end();
    });
    await fetchBytes(url, transfer({ username: 'me', password: 'secret' }), 1 << 20);
    expect(seen).toEqual([`Basic ${Buffer.from('me:secret').toString('base64')}`, undefined]);
  });

  test('are in no message', () => {
    expect(shownUrl('https://me:secret@host.example/a?token=secret')).toBe('https://host.example/a');
  });
});

test('a proxy is used where one is named', async () => {
  const asked: (string | undefined)[] = [];
  const proxy = await serve((request, response) => {
    asked.push(request.url);
    response.end(content);
  });
  await fetchBytes('http://nowhere.invalid/file', transfer({ proxy }), 1 << 20);
  expect(asked).toEqual(['http://nowhere.invalid/file']);
});

test('a file of this machine', async () => {
  const source = path.join(scratch, 'with space');
  fs.writeFileSync(source, content);
  const file = wanted([`file://${encodeURI(source)}`]);
  await fetchFile(file, transfer());
  expect(fs.readFileSync(file.target)).toEqual(content);
  await expect(fetchBytes('file:///no/such', transfer(), 9)).rejects.toThrow(
    'file:///no/such: there is no such file',
  );
});

test('a file of this machine needs no code of the network, which takes long to load', async () => {
  const agents = [vi.spyOn(http, 'Agent'), vi.spyOn(https, 'Agent')];
  const source = path.join(scratch, 'near');
  fs.writeFileSync(source, content);
  await fetchFile(wanted([`file://${source}`]), transfer());
  for (const agent of agents) expect(agent).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

function wanted(urls: readonly string[]): WantedFile {
  const target = path.join(fs.mkdtempSync(path.join(scratch, 'f-')), 'file');
  return { urls, target, checksum: { type: 'sha256', hex: sha256 }, size: content.length };
}

function transfer(settings: Partial<TransferSettings> = {}): Transfer {
  return { connections: openConnections({ ...SETTINGS, ...settings }) };
}

async function serve(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener);
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
}
