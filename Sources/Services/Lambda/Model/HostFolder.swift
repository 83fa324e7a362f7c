// SPDX-License-Identifier: Apache-2.0
import Crypto
package import MartletCore

/// A directory of the host that functions may mount, as the server's configuration names it. AWS: an EFS access point
package struct HostFolder: Sendable, Equatable {
    /// `fsap-` and 17 hexadecimal digits.
    package let accessPoint: String
    /// Nil: functions of every account and region may mount it.
    package let scope: Scope?
    package let path: String
    package let isReadOnly: Bool

    /// `NAME=/PATH`, or `NAME=/PATH:ro`. The name is an access point's id or ARN, or any other word, which stands for the
    /// access point whose id is made of its digest. Nil when `text` is something else.
    package init?(_ text: String) {
        guard let sign = text.firstIndex(of: "="), sign > text.startIndex else { return nil }
        let name = String(text[..<sign])
        var path = text[text.index(after: sign)...]
        isReadOnly = path.hasSuffix(":ro")
        if isReadOnly { path = path.dropLast(3) }
        // The jailer takes no path that seems to leave its directory.
        guard path.hasPrefix("/"), path.utf8.count > 1, !path.split(separator: "/").contains("..") else { return nil }
        self.path = String(path)
        if name.hasPrefix("arn:") {
            guard let arn = ARN(name), let point = Self.accessPoint(of: arn), let account = AccountID(arn.account),
                let region = Region(arn.region)
            else { return nil }
            (accessPoint, scope) = (point, Scope(account: account, region: region))
            return
        }
        guard name.utf8.count <= 128, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let digest = Hex.encode(SHA256.hash(data: Array(name.utf8)))
        (accessPoint, scope) = (Self.isAccessPoint(name) ? name : "fsap-" + digest.prefix(17), nil)
    }

    /// Nil for what is no access point of EFS.
    static func accessPoint(of arn: ARN) -> String? {
        let prefix = "access-point/"
        guard arn.service == "elasticfilesystem", arn.resource.hasPrefix(prefix) else { return nil }
        let point = String(arn.resource.dropFirst(prefix.count))
        return isAccessPoint(point) ? point : nil
    }

    private static func isAccessPoint(_ text: String) -> Bool {
        let digits = text.utf8.dropFirst(5)
        return text.hasPrefix("fsap-") && digits.count == 17
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// As functions of that owner name it.
    package func arn(in scope: Scope) -> ARN { scope.arn("elasticfilesystem", "access-point/\(accessPoint)") }
}

/// All that a server's configuration names.
package struct HostFolders: Sendable {
    package let folders: [HostFolder]

    package init(_ folders: [HostFolder] = []) { self.folders = folders }

    /// Nil for an access point that nothing names, or that is not the owner's.
    func folder(_ arn: ARN, for scope: Scope) -> HostFolder? {
        guard let point = HostFolder.accessPoint(of: arn), arn.account == scope.account.text,
            arn.region == scope.region.name
        else { return nil }
        return folders.first { $0.accessPoint == point && ($0.scope ?? scope) == scope }
    }
}

/// AWS: FileSystemConfig
struct FileSystemMount: Sendable, Equatable {
    var arn: ARN
    /// Below `/mnt/`, a single name.
    var localPath: String

    /// One line of the store.
    var line: String { "\(arn) \(localPath)" }

    init(arn: ARN, localPath: String) { (self.arn, self.localPath) = (arn, localPath) }

    init(line: String) throws {
        let parts = line.split(separator: " ")
        guard parts.count == 2, let arn = ARN(String(parts[0])) else {
            throw MartletError("lambda.row", "a file system in the store is damaged")
        }
        self.init(arn: arn, localPath: String(parts[1]))
    }
}
