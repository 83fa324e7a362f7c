// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Glibc
import LinuxSystem
import MartletCore

/// User names and passwords of registries, as `docker login`, `podman login` and `skopeo login` write them.
package struct RegistryCredentials: Sendable {
    struct Login: Sendable, Equatable {
        var user: String
        var password: String

        var header: String { "Basic " + Base64.encode(Array("\(user):\(password)".utf8)) }
    }

    private let logins: [String: Login]

    /// None.
    package init() { logins = [:] }

    /// The file's `auths`. Throws `ImageFault` when it cannot be read.
    package init(file path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RootDirectory.failure("open \(path), the logins") }
        defer { close(descriptor) }
        try self.init(FileDescriptor(descriptor).contents(limit: 1 << 20))
    }

    init(_ bytes: [UInt8]) throws(ImageFault) {
        guard let value = try? JSONValue(parsing: bytes), case .object(let members)? = value["auths"] else {
            throw ImageFault(.unavailable, "The file of registry logins is not JSON with “auths” in it.")
        }
        var logins: [String: Login] = [:]
        for member in members {
            guard let text = member.value["auth"]?.stringValue, let plain = Base64.decode(text),
                let colon = plain.firstIndex(of: UInt8(ascii: ":"))
            else { continue }
            logins[Self.host(member.name)] = Login(
                user: String(decoding: plain[..<colon], as: UTF8.self),
                password: String(decoding: plain[(colon + 1)...], as: UTF8.self)
            )
        }
        self.logins = logins
    }

    func login(for host: String) -> Login? { logins[host] }

    /// Some tools write addresses with scheme and path.
    private static func host(_ name: String) -> String {
        var rest = Substring(name)
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        return String(rest.prefix { $0 != "/" })
    }
}
