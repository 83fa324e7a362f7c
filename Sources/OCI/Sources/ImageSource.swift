// SPDX-License-Identifier: Apache-2.0

/// Where the parts of one image come from. What it gives is checked by whoever asks.
protocol ImageSource: Sendable {
    /// The manifest or index of a tag; nil stands for the one that is meant without a tag.
    func document(tag: String?) async throws -> [UInt8]
    func document(_ digest: ImageDigest) async throws -> [UInt8]
    /// Hands the bytes on as they come.
    func blob(_ digest: ImageDigest, into writer: BlobWriter) async throws
}
