// SPDX-License-Identifier: Apache-2.0

/// Why an image cannot be had.
package struct ImageFault: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The text names no image, or one that this server does not take from there.
        case badReference
        /// The registry wants other credentials than it was given.
        case accessDenied
        case notFound
        /// Its manifest, configuration or a layer is damaged, hostile, or does not have its digest.
        case invalid
        /// A media type or feature that Martlet does not read; the message says which.
        case unsupported
        case tooLarge
        /// Nothing is wrong with the image: the registry does not answer, the disk is full.
        case unavailable
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    static func invalid(_ message: String) -> ImageFault { ImageFault(.invalid, message) }

    package var description: String { message }
}

/// What an image may hold at most.
package struct ImageLimits: Sendable {
    /// AWS: 10 GB, all layers unpacked.
    package var unpackedBytes = 10 << 30
    package var layers = 128
    /// In all layers together.
    package var entries = 1_000_000
    package var pathBytes = 4_095
    package var componentBytes = 255
    package var depth = 128
    /// Of a manifest, an index or a configuration.
    package var documentBytes = 4 << 20
    /// Of the headers that come before one entry: long names, attributes.
    package var headerBytes = 1 << 20

    package init() {}
}
