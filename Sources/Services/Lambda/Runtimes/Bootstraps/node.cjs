// SPDX-License-Identifier: Apache-2.0
// Runs one Lambda handler in Node.js 18 or newer, over the Runtime API.
// A CommonJS file on `net` alone, because that starts fastest. Needs NODE_PATH set as on AWS.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');

const API = '/2018-06-01/runtime/';
/** The first compiles, the second fills caches. More bring little, and from four on V8 takes another megabyte. */
const WARM_ROUNDS = 2;
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

/** From Node.js 24 on, AWS's runtime has promises only: no callbacks, no waiting for an empty event loop. */
let promisesOnly = false;
let log;

// Errors ------------------------------------------------------------------------------------

function runtimeError(name) {
  const type = class extends Error {};
  type.prototype.name = `Runtime.${name}`;
  return type;
}
const ImportModuleError = runtimeError('ImportModuleError');
const HandlerNotFound = runtimeError('HandlerNotFound');
const MalformedHandlerName = runtimeError('MalformedHandlerName');
const UserCodeSyntaxError = runtimeError('UserCodeSyntaxError');
const MalformedStreamingHandler = runtimeError('MalformedStreamingHandler');
const InvalidStreamingOperation = runtimeError('InvalidStreamingOperation');
const CallbackHandlerDeprecated = runtimeError('CallbackHandlerDeprecated');
const JSONStringifyError = runtimeError('JSONStringifyError');
const NodeJsExit = runtimeError('NodeJsExit');
const UnhandledPromiseRejection = runtimeError('UnhandledPromiseRejection');

const NEVER_SETTLED =
  'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise ' +
  'that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes';
const NO_CALLBACKS =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
  'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
  'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';
const UNREADABLE_ERROR =
  'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, ' +
  'and stack';

/** The error as its caller sees it. Anything can be thrown, so reading it may throw too. */
function errorPayload(error) {
  const clean = (text) => text?.replaceAll('\x7f', '%7F');
  try {
    if (error instanceof Error || require('util').types.isNativeError(error) || looksLikeError(error)) {
      return {
        errorType: clean(error.name),
        errorMessage: clean(error.message),
        trace: clean(error.stack)?.split('\n') ?? [],
      };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return { errorType: 'handled', errorMessage: UNREADABLE_ERROR, trace: [] };
  }
}

function asError(thrown) {
  try {
    return thrown instanceof Error ? thrown : new Error(thrown);
  } catch {
    return new Error(UNREADABLE_ERROR);
  }
}

function looksLikeError(value) {
  return ['name', 'message', 'stack'].every((key) => value?.[key] && typeof value[key] === 'string');
}

/** The error as the log shows it: a tab and one JSON object with the error's own fields as well. */
function errorText(error) {
  const readable = (_, value) => {
    if (!(value instanceof Error)) return value;
    const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
    if (typeof value.stack === 'string') shown.stack = value.stack.split('\n');
    return shown;
  };
  try {
    return '\t' + JSON.stringify(error, readable);
  } catch {
    return '\t' + JSON.stringify(errorPayload(error));
  }
}

// Log ---------------------------------------------------------------------------------------

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };

/** Writes all of it now, so that nothing is lost when the process is frozen or killed. */
function writeNow(fd, data) {
  for (let offset = 0; offset < data.length; ) {
    try {
      offset += fs.writeSync(fd, data, offset);
    } catch (error) {
      if (error.code !== 'EAGAIN') return; // the reader has gone: there is nobody left to tell
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** One record on a descriptor of its own: type (4), length (4), time in µs (8), message; big-endian. */
function writeFrame(fd, type, date, text) {
  const size = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(16 + size);
  frame.writeUInt32BE(type >>> 0, 0);
  frame.writeUInt32BE(size, 4);
  frame.writeBigUInt64BE(BigInt(date.getTime()) * 1000n, 8);
  frame.write(text, 16);
  writeNow(fd, frame);
}

function describeForJson(_, value) {
  if (!(value instanceof Error)) return value;
  const stackTrace = typeof value.stack === 'string' ? value.stack.split('\n') : value.stack;
  return { errorType: value.constructor?.name ?? 'UnknownError', errorMessage: value.message, stackTrace, ...value };
}

function jsonRecord(date, level, values) {
  const record = { timestamp: date.toISOString(), level, requestId: globalThis[REQUEST_ID] };
  if (globalThis[TENANT_ID] != null) record.tenantId = globalThis[TENANT_ID];
  const { format } = require('util');
  if (values.length === 1) {
    record.message = values[0];
    try {
      return JSON.stringify(record, describeForJson);
    } catch {
      record.message = format(record.message); // circular, or a BigInt
      return JSON.stringify(record);
    }
  }
  record.message = format(...values);
  const error = values.find((value) => value instanceof Error);
  if (error) {
    const { errorType, errorMessage, stackTrace } = describeForJson('', error);
    Object.assign(record, { errorType, errorMessage, stackTrace });
  }
  return JSON.stringify(record);
}

function textRecord(date, level, values) {
  return `${date.toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${require('util').format(...values)}`;
}

function setUpConsole(logFd) {
  const asJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const least = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? LEVELS.TRACE;
  const write = (level, values) => {
    const date = new Date();
    const text = (asJson ? jsonRecord : textRecord)(date, level, values);
    if (logFd === undefined) return writeNow(1, Buffer.from(text.replace(/\n/g, '\r') + '\n'));
    writeFrame(logFd, (asJson ? 0xa55a0002 : 0xa55a0003) | (LEVELS[level] << 2), date, asJson ? text : text + '\n');
  };
  for (const level of Object.keys(LEVELS)) {
    const wanted = level === 'FATAL' || LEVELS[level] >= least;
    console[level.toLowerCase()] = wanted ? (message, ...rest) => write(level, [message, ...rest]) : () => {};
  }
  console.log = console.info;
  log = (title, thrown) => {
    const error = asError(thrown);
    asJson ? console.error(error) : console.error(title, errorText(error));
  };
}

// Runtime API -------------------------------------------------------------------------------

/** Reads one HTTP/1.1 response from the pieces that arrive. */
class ResponseReader {
  pieces = [];
  size = 0;
  needed = 0;

  /** Returns the response when it is complete. */
  add(piece) {
    this.pieces.push(piece);
    this.size += piece.length;
    if (this.size < this.needed) return undefined;
    const data = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces, this.size);
    this.pieces = [data];
    const headEnd = data.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [first, ...lines] = data.toString('utf8', 0, headEnd).split('\r\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const body = this.body(data, headEnd + 4, headers);
    return body && { status: Number(first.split(' ')[1]), headers, body };
  }

  body(data, start, headers) {
    if (headers['transfer-encoding']?.toLowerCase() === 'chunked') return chunkedBody(data, start);
    this.needed = start + Number(headers['content-length'] ?? 0);
    return data.length < this.needed ? undefined : data.subarray(start, this.needed);
  }
}

function chunkedBody(data, start) {
  const parts = [];
  for (;;) {
    const lineEnd = data.indexOf('\r\n', start);
    if (lineEnd < 0) return undefined;
    const size = parseInt(data.toString('latin1', start, lineEnd), 16);
    start = lineEnd + 2;
    if (!(size > 0)) return Buffer.concat(parts); // trailers carry nothing that a runtime needs
    if (data.length < start + size + 2) return undefined;
    parts.push(data.subarray(start, start + size));
    start += size + 2;
  }
}

/** A client for one kept-alive connection and one request at a time. */
class RuntimeAPI {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/[[\]]/g, '') || '127.0.0.1';
    this.peer = { host, port: Number(address.slice(colon + 1)) };
    this.host = address;
    this.nextRequest = this.head('GET', 'invocation/next');
  }

  head(method, resource, headers = '') {
    return `${method} ${API}${resource} HTTP/1.1\r\nHost: ${this.host}\r\n${headers}\r\n`;
  }

  async next() {
    const response = await this.exchange((socket) => socket.write(this.nextRequest));
    if (response.status !== 200) throw new Error(`Failed to get next invocation. Response code: ${response.status}`);
    return response;
  }

  /** Sends one answer. 413 is left to the server, which has already told the caller. */
  async post(resource, text, headers = '') {
    const size = Buffer.byteLength(text);
    const head = this.head('POST', resource, `Content-Type: application/json\r\n${headers}Content-Length: ${size}\r\n`);
    const { status } = await this.exchange((socket) => socket.write(head + text));
    if ((status >= 200 && status < 300) || status === 413) return;
    throw new Error(`Failed to post ${resource}. Response code: ${status}`);
  }

  postError(resource, error) {
    const payload = errorPayload(error);
    const kind = String(payload.errorType).replace(/[^\x21-\x7e]/g, '?');
    return this.post(resource, JSON.stringify(payload), `Lambda-Runtime-Function-Error-Type: ${kind}\r\n`);
  }

  /** Tries once more on a fresh connection when a kept one turns out to be closed. */
  async exchange(send) {
    const kept = this.socket !== undefined;
    try {
      return await this.exchangeOnce(send);
    } catch (error) {
      if (!kept) throw error;
      return this.exchangeOnce(send);
    }
  }

  /** Only an exchange in progress keeps the event loop alive; a handler's own work is what counts otherwise. */
  exchangeOnce(send) {
    const socket = this.connection();
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject, reader: new ResponseReader() };
      socket.ref();
      send(socket);
    });
  }

  connection() {
    if (this.socket) return this.socket;
    const socket = net.connect({ ...this.peer, noDelay: true });
    const lost = (error) => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.settle('reject', error ?? new Error('the Runtime API closed the connection'));
    };
    socket.on('data', (piece) => {
      const response = this.waiting?.reader.add(piece);
      if (!response) return;
      socket.unref();
      if (response.headers.connection?.toLowerCase() === 'close') this.drop();
      this.settle('resolve', response);
    });
    socket.on('error', lost);
    socket.on('end', lost);
    socket.on('close', () => lost());
    return (this.socket = socket);
  }

  /** Connects ahead of the first request. A failure shows there. */
  open() {
    const socket = this.connection();
    return new Promise((resolve) => {
      socket.once('connect', resolve).once('close', resolve);
    }).then(() => socket.unref());
  }

  settle(how, value) {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.[how](value);
  }

  /** Forgets the connection, so that a half-sent request cannot disturb the next one. */
  drop() {
    const { socket } = this;
    this.socket = undefined;
    socket?.destroy();
  }
}

function serialize(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch {
    const message = 'Unable to stringify response body';
    throw promisesOnly ? new JSONStringifyError(message) : new Error(message);
  }
}

// Streaming ---------------------------------------------------------------------------------

/** Makes the writable stream that a streaming handler gets. The request begins with its first write or its end. */
function makeResponseStream(api, id, highWaterMark) {
  const { Writable } = require('stream');
  const trailers = { 'Lambda-Runtime-Function-Error-Type': null, 'Lambda-Runtime-Function-Error-Body': null };
  let contentType = 'application/octet-stream';
  let begun = false;
  let settle;
  const done = new Promise((resolve, reject) => (settle = { resolve, reject }));
  done.catch(() => {}); // whoever awaits it sees the failure

  const begin = () => {
    if (begun) return;
    begun = true;
    const head = api.head('POST', `invocation/${encodeURIComponent(id)}/response`,
      'Lambda-Runtime-Function-Response-Mode: streaming\r\n' +
        `Trailer: ${Object.keys(trailers).join(', ')}\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n`);
    api.exchangeOnce((socket) => socket.write(head)).then(settle.resolve, settle.reject);
  };
  const send = (data, callback) => {
    begin();
    api.socket ? api.socket.write(data, callback) : callback(new Error('the Runtime API closed the connection'));
  };

  const sendEnd = (callback) => {
    const lines = Object.entries(trailers).filter(([, value]) => value !== null);
    send(`0\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, callback);
  };

  class ResponseStream extends Writable {
    setContentType(type) {
      if (begun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
      contentType = String(type).replace(/[\r\n]/g, ' ');
    }

    write(chunk, ...rest) {
      const first = this._onBeforeFirstWrite;
      this._onBeforeFirstWrite = undefined;
      first?.((piece) => super.write(piece));
      const raw = typeof chunk === 'string' || chunk instanceof Uint8Array;
      return super.write(raw ? chunk : JSON.stringify(chunk), ...rest);
    }

    end(chunk, ...rest) {
      const last = chunk === null || typeof chunk === 'function' ? undefined : chunk;
      if (last !== undefined) this.write(last, typeof rest[0] === 'string' ? rest[0] : undefined);
      else if (this._onBeforeFirstWrite) this.write(''); // the prelude belongs to an empty body too
      return super.end([chunk, ...rest].find((value) => typeof value === 'function'));
    }

    _write(chunk, _, callback) {
      if (chunk.length === 0) return begin(), callback();
      const size = Buffer.from(`${chunk.length.toString(16)}\r\n`);
      send(Buffer.concat([size, chunk, Buffer.from('\r\n')]), callback);
    }

    _final(callback) {
      sendEnd(callback);
    }
  }

  const stream = new ResponseStream({ highWaterMark });
  stream.on('error', () => {}); // what broke it reaches the handler, or `done`, as well
  const fail = (error) => {
    const payload = errorPayload(error);
    trailers['Lambda-Runtime-Function-Error-Type'] = String(payload.errorType).replace(/[^\x21-\x7e]/g, '?');
    trailers['Lambda-Runtime-Function-Error-Body'] = Buffer.from(JSON.stringify(payload)).toString('base64');
    stream._onBeforeFirstWrite = undefined;
    if (stream.writableEnded) return done;
    stream.destroyed ? sendEnd(() => {}) : Writable.prototype.end.call(stream);
    return done;
  };
  return { stream, done, fail };
}

/** The global `awslambda` that streaming functions use. */
function setUpGlobals() {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  class HttpResponseStream {
    static from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      const text = JSON.stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(text);
        write(new Uint8Array(8));
      };
      return stream;
    }
  }
  const streamifyResponse = (handler, options) => {
    handler[STREAMING] = 'response';
    if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
    return handler;
  };
  globalThis.awslambda = { ...globalThis.awslambda, streamifyResponse, HttpResponseStream };
}

// Imports of layers and of the SDK ------------------------------------------------------------

/** The folders of NODE_PATH that hold packages, but for AWS's last two, which hold the runtime and the function. */
function packageFolders(root) {
  const isOfPackages = (folder) => {
    if (!folder.startsWith('/') || folder === root || folder === __dirname || folder === '/var/runtime') return false;
    try {
      return fs.readdirSync(folder).length > 0;
    } catch {
      return false; // there are layers for one version of Node.js, for all, or none
    }
  };
  return (process.env.NODE_PATH ?? '').split(':').filter(isOfPackages);
}

/**
 * Where a module is that Node.js did not find, or `error` again. Its own resolver is asked as if a file beside the packages of
 * each folder were importing, so `exports` and their conditions hold.
 */
function findAlong(folders, specifier, error, resolve) {
  const isPackage = !/^(?:[./#]|[a-z][a-z\d+.-]*:)/i.test(specifier);
  if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !isPackage) throw error;
  const { pathToFileURL } = require('url');
  for (const folder of folders) {
    // Node.js looks for packages in folders of one name only. In others they are found as `require` finds them.
    const isUsual = path.basename(folder) === 'node_modules';
    const file = isUsual ? path.join(folder, 'importer.mjs') : module.constructor._findPath(specifier, [folder]);
    if (!file) continue;
    const url = pathToFileURL(file).href;
    try {
      return isUsual ? resolve(specifier, url) : resolve(url);
    } catch (again) {
      if (again?.code !== 'ERR_MODULE_NOT_FOUND') throw again;
    }
  }
  throw error;
}

/** By a hook, which makes each `require` somewhat slower, too. */
function hookImports(folders) {
  module.constructor.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        return findAlong(folders, specifier, error, (other, parentURL = context.parentURL) =>
          next(other, { ...context, parentURL }));
      }
    },
  });
}

/**
 * Node.js before 22.15 has hooks in a thread of their own only, which costs tens of milliseconds and 10 MB. There the loader
 * itself is changed, as AWS does it in its Node.js.
 */
function changeLoader(folders) {
  try {
    const loader = require('internal/modules/esm/loader').getOrInitializeCascadedLoader();
    const { defaultResolve } = loader;
    if (typeof defaultResolve !== 'function') return;
    loader.defaultResolve = function (specifier, parentURL, attributes) {
      try {
        return defaultResolve.call(this, specifier, parentURL, attributes);
      } catch (error) {
        return findAlong(folders, specifier, error, (other, parent = parentURL) =>
          defaultResolve.call(this, other, parent, attributes));
      }
    };
  } catch {
    // started without --expose-internals, or this Node.js is made otherwise: imports are Node.js's then
  }
}

/**
 * AWS's Node.js looks along NODE_PATH for packages that `import` finds nowhere else; Node.js itself does it for `require` alone.
 * A function that imports nothing pays nothing for it: a hook comes with the first code that could.
 */
function setUpImports(root, isModule) {
  const folders = packageFolders(root);
  if (folders.length === 0) return;
  if (!module.constructor.registerHooks) return changeLoader(folders);
  if (isModule) return hookImports(folders);
  const { prototype } = module.constructor;
  const compile = prototype._compile;
  const watch = function (content, filename, format, ...rest) {
    if (!watch.isDone && (format === 'module' || /\bimport\s*\(/.test(content))) {
      watch.isDone = true;
      if (prototype._compile === watch) prototype._compile = compile;
      hookImports(folders);
    }
    return compile.call(this, content, filename, format, ...rest);
  };
  prototype._compile = watch;
}

// Loading -----------------------------------------------------------------------------------

/** Whether `.js` files in this folder are ES modules: the nearest package.json says so. */
function isModuleFolder(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))?.type === 'module';
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder === '/' ? false : isModuleFolder(path.dirname(folder));
}

/** Newer Node.js takes a `.js` file for a module when its text can be nothing else. Some texts that are none look like it. */
function looksLikeModule(file) {
  return /\b(?:import|export)\b/.test(fs.readFileSync(file, 'utf8'));
}

async function loadModule(root, folder, name) {
  // As if AWS's own entry point were asking: its path is part of the message when a module is missing.
  const require = module.constructor.createRequire('/var/runtime/index.mjs');
  const file = path.resolve(root, folder, name);
  const found = ['', '.js', '.mjs', '.cjs'].find((extension) => fs.existsSync(file + extension));
  const isModule = found === '.mjs' || (found === '.js' && isModuleFolder(path.dirname(file)));
  setUpImports(root, isModule || (promisesOnly && found === '.js' && looksLikeModule(file + found)));
  if (found === undefined) return require(require.resolve(name, { paths: [root, path.join(root, folder)] }));
  return promisesOnly || isModule ? import(require('url').pathToFileURL(file + found).href) : require(file + found);
}

async function loadApp(root, folder, name) {
  try {
    return await loadModule(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) {
      const fault = new UserCodeSyntaxError(error);
      if (promisesOnly) fault.stack = error.stack;
      throw fault;
    }
    throw error?.code === 'MODULE_NOT_FOUND' ? new ImportModuleError(error) : error;
  }
}

/** Loads `folder/module.path.to.function`. Throws the error that AWS reports when it cannot. */
async function load(root, handler) {
  if (handler.includes('..')) {
    const advice = 'is not a valid handler name. Use absolute paths when specifying root directories in handler names.';
    throw new MalformedHandlerName(`'${handler}' ${advice}`);
  }
  const base = path.basename(handler);
  const [, name, property] = base.match(/^([^.]*)\.(.*)$/) ?? [];
  if (property === undefined) throw new MalformedHandlerName('Bad handler');
  const app = await loadApp(root, handler.slice(0, handler.indexOf(base)), name);
  const find = (object) => property.split('.').reduce((value, key) => value && value[key], object);
  const found = find(app) || (promisesOnly ? find(app?.default) : undefined);
  if (!found) throw new HandlerNotFound(`${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw new HandlerNotFound(`${handler} is not a function`);
  if (found[STREAMING] && found[STREAMING] !== 'response') {
    throw new MalformedStreamingHandler('Only response streaming is supported.');
  }
  if (promisesOnly && found.length >= 3 && !found[STREAMING]) throw new CallbackHandlerDeprecated(NO_CALLBACKS);
  return found;
}

// Invocations -------------------------------------------------------------------------------

function contextFields(headers) {
  const parse = (name, title) => {
    const text = headers[name];
    if (!text) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`Cannot parse ${title} as json: ${error}`);
    }
  };
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const { env } = process;
  const fields = {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse('lambda-runtime-client-context', 'ClientContext'),
    identity: parse('lambda-runtime-cognito-identity', 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  if (promisesOnly) {
    fields.xRayTraceId = headers['lambda-runtime-trace-id'];
    fields.w3c = takeTraceFields(fields.clientContext);
  }
  return fields;
}

/** W3C trace fields travel inside the client context and are not shown as part of it. */
function takeTraceFields(clientContext) {
  const source = clientContext?.w3c;
  if (clientContext && typeof clientContext === 'object') delete clientContext.w3c;
  const names = ['traceparent', 'tracestate', 'baggage'].filter((name) => typeof source?.[name] === 'string');
  const fields = Object.freeze(Object.fromEntries(names.map((name) => [name, source[name]])));
  return () => fields;
}

/** Lets rejections that nobody handles come first: they end the invocation. */
function nextTurn() {
  return new Promise((resolve) => setImmediate(resolve));
}

class Loop {
  constructor(api, handler) {
    this.api = api;
    this.handler = handler;
    this.invocation = undefined;
    /** What to do when the event loop runs empty while the function's code is at work. */
    this.exitUnsettled();
  }

  async run() {
    this.whenIdle = () => {};
    for (;;) {
      const { headers, body } = await this.api.next();
      const id = headers['lambda-runtime-aws-request-id'];
      this.invocation = `invocation/${encodeURIComponent(id)}/`;
      globalThis[REQUEST_ID] = id;
      globalThis[TENANT_ID] = headers['lambda-runtime-aws-tenant-id'];
      if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
      else delete process.env._X_AMZN_TRACE_ID;
      if (this.handler[STREAMING]) await this.stream(id, headers, body);
      else if (promisesOnly) await this.callPromised(headers, body);
      else await this.callClassic(headers, body);
      this.whenIdle = () => {};
    }
  }

  /** Never ends once the process is about to report an error and exit: the error is the answer then. */
  respond(text) {
    return die.begun ? new Promise(() => {}) : this.api.post(`${this.invocation}response`, text);
  }

  /** Ends the process as Node.js does when its main promise never settles; the server reports the exit. */
  exitUnsettled() {
    this.whenIdle = () => process.exit(13);
  }

  async callPromised(headers, body) {
    this.exitUnsettled();
    let text;
    try {
      text = serialize(await this.handler(JSON.parse(body.toString()), contextFields(headers)));
      await nextTurn();
    } catch (error) {
      await nextTurn();
      return this.fail(error);
    }
    return this.respond(text);
  }

  fail(error) {
    log('Invoke Error', error);
    return this.api.postError(`${this.invocation}error`, error);
  }

  /** Callbacks, promises and context methods: whichever answers first. Resolves when the answer is posted. */
  callClassic(headers, body) {
    return new Promise((resolve, reject) => {
      let finished = false;
      let waitForEmptyEventLoop = true;
      const succeedWith = (result) => {
        const text = serialize(result);
        finished = true;
        this.whenIdle = () => {};
        this.respond(text).then(resolve, reject);
      };
      const failWith = (error) => {
        finished = true;
        this.whenIdle = () => {};
        this.fail(error).then(resolve, reject);
      };
      const answer = (error, result) => {
        if (!finished) error === undefined || error === null ? succeedWith(result) : failWith(error);
      };
      const callback = (error, result) => {
        const waits = waitForEmptyEventLoop && (error === undefined || error === null);
        if (finished || !waits) return answer(error, result);
        finished = true;
        this.whenIdle = () => setImmediate(succeedWith, result);
      };
      const context = {
        get callbackWaitsForEmptyEventLoop() {
          return waitForEmptyEventLoop;
        },
        set callbackWaitsForEmptyEventLoop(value) {
          waitForEmptyEventLoop = value;
        },
        succeed: (result) => answer(null, result),
        fail: (error) => answer(error ?? 'handled', null),
        done: answer,
      };
      const unsettled = () => failWith(new NodeJsExit(NEVER_SETTLED));
      this.whenIdle = this.handler.constructor?.name === 'AsyncFunction' ? unsettled : () => answer(null, null);
      try {
        Object.assign(context, contextFields(headers));
        const result = this.handler(JSON.parse(body.toString()), context, callback);
        if (typeof result?.then === 'function') result.then(context.succeed, context.fail).catch(context.fail);
      } catch (error) {
        callback(error ?? 'handled');
      }
    });
  }

  async stream(id, headers, body) {
    const { stream, done, fail } = makeResponseStream(this.api, id, this.handler[HIGH_WATER_MARK]);
    let waitForEmptyEventLoop = !promisesOnly;
    const waiting = {
      enumerable: true,
      get: () => waitForEmptyEventLoop,
      set: (value) => (waitForEmptyEventLoop = value),
    };
    const abandoned = new Promise((resolve) => (this.whenIdle = () => resolve('abandoned')));
    if (promisesOnly) this.exitUnsettled();
    try {
      const context = contextFields(headers);
      if (!promisesOnly) Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', waiting);
      const result = this.handler(JSON.parse(body.toString()), stream, context);
      if (typeof result?.then !== 'function') throw 'Streaming does not support non-async handlers.';
      const finish = async () => {
        if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
        await done;
      };
      if ((await Promise.race([finish(), abandoned])) === 'abandoned') return this.api.drop();
      if (!stream.writableFinished) throw 'Response stream is not finished.';
    } catch (error) {
      const thrown = promisesOnly && typeof error === 'string' ? new Error(error) : error;
      log('Invoke Error', thrown);
      await fail(thrown).catch(() => this.api.drop());
    }
    if (waitForEmptyEventLoop) await new Promise((resolve) => (this.whenIdle = () => setImmediate(resolve)));
  }
}

// Phases ------------------------------------------------------------------------------------

/** What can be done before it is known which function this environment will run. */
function prepare() {
  const { env } = process;
  const logFd = env.MARTLET_LOG_FD ?? env._LAMBDA_TELEMETRY_LOG_FD;
  const claimFd = env.MARTLET_CLAIM_FD;
  for (const name of ['MARTLET_LOG_FD', '_LAMBDA_TELEMETRY_LOG_FD', 'MARTLET_CLAIM_FD']) delete env[name];
  process.execArgv = process.execArgv.filter((option) => option !== '--expose-internals'); // the bootstrap's own business
  process.mainModule = undefined; // `require.main` is undefined in a function on AWS
  return { logFd: logFd && Number(logFd), claimFd: claimFd && Number(claimFd) };
}

/**
 * Uses everything once while time is free, as V8 compiles a function when it is first called: becomes a function that does
 * nothing, and runs one pretended invocation over a socket of this process. What follows a claim then finds it all compiled.
 */
async function warmUp() {
  for (const name of ['util', 'stream', 'url']) require(name);
  const claim = { environment: { MARTLET_WARM: '1', NODE_PATH: '/nowhere' }, handler: 'warm_common.handler' };
  const before = process.env.NODE_PATH;
  const common = path.join(__dirname, 'warm_common.js');
  for (let round = 0; round < WARM_ROUNDS; round++) {
    adopt(JSON.stringify(claim));
    readAll(fs.openSync(common));
    enter(__dirname);
    for (const record of [textRecord, jsonRecord]) record(new Date(), 'INFO', ['%s', 1, {}]);
    await load(__dirname, claim.handler);
    delete require.cache[common];
  }
  await pretend(await load(__dirname, 'warm_module.handler'));
  for (const name of ['awslambda', REQUEST_ID, TENANT_ID]) delete globalThis[name];
  for (const name of ['MARTLET_WARM', 'NODE_PATH']) delete process.env[name];
  if (before !== undefined) process.env.NODE_PATH = before;
  module.constructor._initPaths();
  collectGarbage();
}

/** Lets V8 clear the young ones' space now, as it would do in the middle of the first invocation, by filling it. */
function collectGarbage() {
  const { getHeapSpaceStatistics } = require('v8');
  const used = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_used_size;
  const most = 16 << 20;
  for (let size = 0, before = 0, now = used(); size < most && now >= before; size += 1 << 16) {
    for (let piece = 0; piece < 16; piece++) new Array(512).fill(piece);
    [before, now] = [now, used()];
  }
}

async function pretend(handler) {
  const event = '{"a":1}';
  const next = `HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: warm\r\nContent-Length: ${event.length}\r\n\r\n${event}`;
  const taken = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n';
  let answers = 2 * WARM_ROUNDS;
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      if (answers > 0) return socket.write(answers-- % 2 === 0 ? next : taken);
      server.close();
      socket.destroy(); // ends the loop, which finds nobody to connect to again
    });
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const loop = new Loop(new RuntimeAPI(`127.0.0.1:${server.address().port}`));
  loop.handler = handler;
  await loop.run().catch(() => {});
}

/** The text of a descriptor up to the end of a line, or to its own; it is closed then. */
function readAll(fd) {
  const pieces = [];
  const piece = Buffer.allocUnsafe(65536);
  for (let size = 1; size > 0 && pieces.at(-1)?.at(-1) !== 0x0a; ) {
    size = fs.readSync(fd, piece);
    if (size > 0) pieces.push(Buffer.from(piece.subarray(0, size)));
  }
  fs.closeSync(fd);
  return Buffer.concat(pieces).toString();
}

function adopt(text) {
  const claim = JSON.parse(text);
  Object.assign(process.env, claim.environment);
  module.constructor._initPaths(); // reads NODE_PATH again
  return claim.handler;
}

/** Blocks until the server says what to become; returns the handler it named, if any. */
function waitForClaim(fd) {
  const text = readAll(fd);
  if (!text.trim()) process.exit(0); // the server went away or no longer wants this environment
  return adopt(text);
}

/** Makes the process look like a function's in AWS's runtime of that version. */
function enter(root, logFd) {
  if (fs.existsSync(root)) process.chdir(root);
  const runtime = process.env.AWS_EXECUTION_ENV?.match(/nodejs(\d+)/)?.[1] ?? process.versions.node.split('.')[0];
  promisesOnly = Number(runtime) >= 24;
  setUpConsole(logFd);
  setUpGlobals();
}

/** Posts a last error on a connection of its own, because the other one may be waiting for work, then exits. */
function die(loop, api, error, code) {
  if (die.begun) return;
  die.begun = true;
  const exit = () => process.exit(code);
  const resource = loop.invocation ? `${loop.invocation}error` : 'init/error';
  new RuntimeAPI(api.host).postError(resource, error).then(exit, exit);
}

async function main() {
  const { logFd, claimFd } = prepare();
  const early = process.env.AWS_LAMBDA_RUNTIME_API; // where the server has told it already, connect before the claim
  const connected = early && claimFd !== undefined ? new RuntimeAPI(early) : undefined;
  if (claimFd !== undefined) await warmUp().catch(() => {}); // a cold process works too
  await connected?.open();
  const handler = (claimFd !== undefined && waitForClaim(claimFd)) || process.env._HANDLER || '';
  const root = process.env.LAMBDA_TASK_ROOT ?? '/var/task';
  enter(root, logFd);
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  const api = connected?.host === address ? connected : new RuntimeAPI(address);
  const loop = new Loop(api);
  process.on('uncaughtException', (error) => {
    log('Uncaught Exception', error);
    die(loop, api, error, 129);
  });
  process.on('unhandledRejection', (reason, promise) => {
    const error = Object.assign(new UnhandledPromiseRejection(reason), { reason, promise });
    log('Unhandled Promise Rejection', error);
    die(loop, api, error, 128);
  });
  process.on('beforeExit', () => loop.whenIdle());
  try {
    loop.handler = await load(root, handler);
  } catch (error) {
    return process.emit('uncaughtException', error);
  }
  await loop.run().catch((error) => process.emit('uncaughtException', error));
}

main();
