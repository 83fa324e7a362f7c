// SPDX-License-Identifier: Apache-2.0
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((done) => setTimeout(done, 2000));
  stream.end('last');
});
