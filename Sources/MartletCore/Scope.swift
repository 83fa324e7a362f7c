// SPDX-License-Identifier: Apache-2.0

/// Twelve digits. Everything that Martlet stores belongs to one.
package struct AccountID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil unless `text` is twelve ASCII digits.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 12, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        self.text = String(text)
    }

    private init(unchecked text: String) { self.text = text }

    /// Who a caller is in `open` mode when the access key does not name an account.
    package static let local = AccountID(unchecked: "000000000000")

    package var description: String { text }
}

/// A region's name, such as `eu-central-1`. Any well-formed name is a region: Martlet keeps no list.
package struct Region: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    /// Nil unless `name` is 1–32 lower-case letters, digits and hyphens, beginning with a letter.
    package init?(_ name: some StringProtocol) {
        let isWellFormed = name.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
        }
        guard (1...32).contains(name.utf8.count), isWellFormed, name.utf8.first.map({ $0 >= 0x61 }) == true else {
            return nil
        }
        self.name = String(name)
    }

    private init(unchecked name: String) { self.name = name }

    package static let usEast1 = Region(unchecked: "us-east-1")

    package var description: String { name }

    /// `aws`, `aws-cn` or `aws-us-gov`, as ARNs of this region begin.
    package var partition: String {
        if name.hasPrefix("cn-") { return "aws-cn" }
        if name.hasPrefix("us-gov-") { return "aws-us-gov" }
        return "aws"
    }
}

/// The account and region that a request, a row or a resource belongs to.
package struct Scope: Hashable, Sendable, CustomStringConvertible {
    package let account: AccountID
    package let region: Region

    package init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }

    package var description: String { "\(account)/\(region)" }

    /// `arn:aws:{service}:{region}:{account}:{resource}`
    package func arn(_ service: String, _ resource: String) -> ARN {
        ARN(
            partition: region.partition,
            service: service,
            region: region.name,
            account: account.text,
            resource: resource
        )
    }

    /// For services without regions (IAM): `arn:aws:iam::{account}:{resource}`
    package func globalARN(_ service: String, _ resource: String) -> ARN {
        ARN(partition: region.partition, service: service, region: "", account: account.text, resource: resource)
    }
}
