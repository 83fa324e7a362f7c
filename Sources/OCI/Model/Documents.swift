// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// The media types that Martlet reads: those of OCI and those of Docker's schema 2.
enum MediaType {
    static let indexes = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let manifests = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]
    static let layers = [
        "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]
    /// For a registry's `Accept`.
    static let documents = (manifests + indexes).joined(separator: ", ")
}

/// A part of an image, by content.
struct Descriptor: Hashable, Sendable {
    var mediaType: String
    var digest: ImageDigest
    var size: Int

    init(_ value: JSONValue) throws(ImageFault) {
        guard let text = value["digest"]?.stringValue, let digest = ImageDigest(text),
            case .integer(let size)? = value["size"], size >= 0
        else { throw .invalid("a descriptor has no SHA-256 digest or no size") }
        self.init(mediaType: value["mediaType"]?.stringValue ?? "", digest: digest, size: size)
    }

    init(mediaType: String, digest: ImageDigest, size: Int) {
        (self.mediaType, self.digest, self.size) = (mediaType, digest, size)
    }
}

/// A manifest or an index, whichever the bytes are.
enum Document: Sendable {
    case index([Entry])
    case manifest(Manifest)

    struct Entry: Sendable {
        var descriptor: Descriptor
        var platform: Platform?
        /// The tag, in a layout's own index.
        var name: String?
    }

    struct Platform: Sendable, Equatable {
        var system: String
        var architecture: String
    }

    /// Decides by the document's own `mediaType`, else by what it holds: a registry's header is only a hint.
    init(_ bytes: [UInt8], limits: ImageLimits) throws(ImageFault) {
        let value = try JSONValue(image: bytes, "manifest")
        let type = value["mediaType"]?.stringValue
        if let type, !(MediaType.indexes + MediaType.manifests).contains(type) {
            throw ImageFault(
                .unsupported,
                "the manifest's media type \(type.prefix(100)) is not one that Martlet reads"
            )
        }
        guard case .integer(2)? = value["schemaVersion"] else {
            throw ImageFault(.unsupported, "the manifest's schema version is not 2")
        }
        if type.map(MediaType.indexes.contains) ?? (value["manifests"] != nil) {
            self = .index(try Self.entries(of: value))
        } else {
            self = .manifest(try Manifest(value, limits: limits))
        }
    }

    private static func entries(of value: JSONValue) throws(ImageFault) -> [Entry] {
        guard let entries = value["manifests"]?.arrayValue, entries.count <= 1_000 else {
            throw .invalid("the index has no list of manifests, or too long a one")
        }
        var result: [Entry] = []
        for entry in entries {
            let platform = entry["platform"].map {
                Platform(system: $0["os"]?.stringValue ?? "", architecture: $0["architecture"]?.stringValue ?? "")
            }
            let name = entry["annotations"]?["org.opencontainers.image.ref.name"]?.stringValue
            result.append(Entry(descriptor: try Descriptor(entry), platform: platform, name: name))
        }
        return result
    }
}

/// One image for one platform.
struct Manifest: Sendable {
    var config: Descriptor
    /// The lowest first.
    var layers: [Descriptor]

    init(_ value: JSONValue, limits: ImageLimits) throws(ImageFault) {
        guard let config = value["config"], let layers = value["layers"]?.arrayValue else {
            throw .invalid("the manifest has no configuration or no layers")
        }
        guard layers.count <= limits.layers else {
            throw ImageFault(.tooLarge, "the image has more than \(limits.layers) layers")
        }
        self.config = try Descriptor(config)
        self.layers = []
        for layer in layers {
            let descriptor = try Descriptor(layer)
            guard MediaType.layers.contains(descriptor.mediaType) else {
                throw ImageFault(
                    .unsupported,
                    "a layer's media type \(descriptor.mediaType.prefix(100)) is not one that Martlet reads (tar and tar+gzip)"
                )
            }
            self.layers.append(descriptor)
        }
        let total = self.layers.reduce(0) { $0.addingReportingOverflow($1.size).overflow ? .max : $0 + $1.size }
        guard total <= limits.unpackedBytes else {
            throw ImageFault(.tooLarge, "the image's layers are larger than \(limits.unpackedBytes) bytes")
        }
    }
}

/// What an image says about how it is run.
package struct ImageConfiguration: Sendable, Equatable {
    /// `amd64`, `arm64`.
    package var architecture: String
    package var entryPoint: [String]
    package var command: [String]
    /// Empty when the image names none.
    package var workingDirectory: String
    package var environment: [String: String]
    /// Of the unpacked layers, the lowest first.
    var layerDigests: [ImageDigest]

    init(_ bytes: [UInt8]) throws(ImageFault) {
        let value = try JSONValue(image: bytes, "configuration")
        let settings = value["config"] ?? .null
        guard value["os"]?.stringValue ?? "linux" == "linux" else {
            throw ImageFault(.unsupported, "the image is not for Linux")
        }
        architecture = value["architecture"]?.stringValue ?? ""
        entryPoint = try Self.texts(settings["Entrypoint"])
        command = try Self.texts(settings["Cmd"])
        workingDirectory = settings["WorkingDir"]?.stringValue ?? ""
        guard !workingDirectory.utf8.contains(0) else { throw .invalid("the working directory holds a zero byte") }
        environment = [:]
        for line in try Self.texts(settings["Env"]) {
            guard let equals = line.firstIndex(of: "="), equals > line.startIndex else { continue }
            environment[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        layerDigests = []
        for text in try Self.texts(value["rootfs"]?["diff_ids"]) {
            guard let digest = ImageDigest(text) else { throw .invalid("a layer's digest is malformed") }
            layerDigests.append(digest)
        }
    }

    private static func texts(_ value: JSONValue?) throws(ImageFault) -> [String] {
        guard let value, value != .null else { return [] }
        guard let elements = value.arrayValue, elements.count <= 1_000 else {
            throw .invalid("a list in the configuration is malformed or too long")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.stringValue, !text.utf8.contains(0) else {
                throw .invalid("a list in the configuration holds something else than text")
            }
            texts.append(text)
        }
        return texts
    }
}

extension JSONValue {
    fileprivate init(image bytes: [UInt8], _ what: String) throws(ImageFault) {
        do {
            self = try JSONValue(parsing: bytes)
        } catch {
            throw .invalid("the \(what) is not JSON: \(error.reason)")
        }
    }
}
