// SPDX-License-Identifier: Apache-2.0
// What node.cjs loads before it knows which function it will run.
exports.handler = async (event, context) => null;
