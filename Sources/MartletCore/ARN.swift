// SPDX-License-Identifier: Apache-2.0

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`. The resource may hold colons.
package struct ARN: Hashable, Sendable, CustomStringConvertible {
    package var partition: String
    package var service: String
    /// Empty for global services.
    package var region: String
    /// Empty where AWS leaves it out (S3 buckets).
    package var account: String
    package var resource: String

    package init(partition: String = "aws", service: String, region: String, account: String, resource: String) {
        self.partition = partition
        self.service = service
        self.region = region
        self.account = account
        self.resource = resource
    }

    /// Nil unless there are six parts, the first is `arn`, and partition, service and resource are not empty.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", !parts[1].isEmpty, !parts[2].isEmpty, !parts[5].isEmpty else {
            return nil
        }
        self.init(
            partition: String(parts[1]),
            service: String(parts[2]),
            region: String(parts[3]),
            account: String(parts[4]),
            resource: String(parts[5])
        )
    }

    package var description: String { "arn:\(partition):\(service):\(region):\(account):\(resource)" }

    /// The owner, when the ARN names one with both a region and an account.
    package var scope: Scope? {
        guard let account = AccountID(account), let region = Region(region) else { return nil }
        return Scope(account: account, region: region)
    }
}
