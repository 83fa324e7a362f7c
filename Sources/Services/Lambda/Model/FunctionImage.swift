// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import OCI
import Storage

/// The container image of a function, and what the function changes about how it is run. AWS: ImageUri, ImageConfig
struct FunctionImage: Sendable, Equatable {
    /// As the caller wrote it.
    var uri: String
    /// By digest: an image whose tag moves stays what it was for this function. AWS: ResolvedImageUri
    var resolved: String
    var overrides = Overrides()

    /// Nil members leave it at what the image says.
    struct Overrides: Sendable, Equatable {
        var entryPoint: [String]?
        var command: [String]?
        var workingDirectory: String?

        var isEmpty: Bool { self == Overrides() }

        init() {}

        /// AWS takes an empty list as none given.
        init(_ input: ImageConfig) {
            entryPoint = input.entryPoint?.isEmpty == false ? input.entryPoint : nil
            command = input.command?.isEmpty == false ? input.command : nil
            workingDirectory = input.workingDirectory?.isEmpty == false ? input.workingDirectory : nil
        }

        var shape: ImageConfig {
            ImageConfig(entryPoint: entryPoint, command: command, workingDirectory: workingDirectory)
        }

        /// No process can be given a zero byte.
        func check() throws {
            let texts = (entryPoint ?? []) + (command ?? []) + [workingDirectory ?? ""]
            guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
                throw InvalidParameterValueException("ImageConfig contains characters that are not allowed.")
            }
        }
    }

    /// What tells one from another, for the sum over a version.
    var fingerprintFields: [String] {
        let lists = [overrides.entryPoint, overrides.command].map { $0.map { "+\($0.count)" } ?? "-" }
        return [resolved, overrides.workingDirectory ?? ""] + lists + (overrides.entryPoint ?? [])
            + (overrides.command ?? [])
    }
}

extension FunctionImage {
    /// The `image` column.
    var text: String {
        func list(_ texts: [String]?) -> JSONValue { texts.map { .array($0.map(JSONValue.string)) } ?? .null }
        return JSONValue.object([
            .init("uri", .string(uri)), .init("resolved", .string(resolved)),
            .init("entryPoint", list(overrides.entryPoint)), .init("command", list(overrides.command)),
            .init("workingDirectory", overrides.workingDirectory.map(JSONValue.string) ?? .null),
        ]).compactText
    }

    init(text: String) throws {
        guard let value = try? JSONValue(parsing: text), let uri = value["uri"]?.stringValue,
            let resolved = value["resolved"]?.stringValue
        else { throw Row.damaged("a function's image") }
        self.init(uri: uri, resolved: resolved)
        overrides.entryPoint = value["entryPoint"]?.arrayValue?.compactMap(\.stringValue)
        overrides.command = value["command"]?.arrayValue?.compactMap(\.stringValue)
        overrides.workingDirectory = value["workingDirectory"]?.stringValue
    }
}
