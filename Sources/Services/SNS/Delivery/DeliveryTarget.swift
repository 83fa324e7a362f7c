// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Where a delivery goes that has no subscription, or whose subscription has ended.
struct DeliveryTarget: Sendable, Equatable {
    var wire: SubscriptionProtocol
    var endpoint: String
    /// Of the subscription that has ended.
    var subscriptionARN: String?
    /// This server, for links.
    var server: String

    var text: String {
        var map = ["protocol": wire.rawValue, "endpoint": endpoint, "server": server]
        map["subscription"] = subscriptionARN
        return StringMap.text(map)
    }

    init(wire: SubscriptionProtocol, endpoint: String, subscriptionARN: String? = nil, server: String) {
        self.wire = wire
        self.endpoint = endpoint
        self.subscriptionARN = subscriptionARN
        self.server = server
    }

    init(parsing text: String) throws {
        let map = try StringMap.parse(text)
        guard let wire = map["protocol"].flatMap(SubscriptionProtocol.init), let endpoint = map["endpoint"] else {
            throw MartletError("sns.row", "a delivery names no endpoint")
        }
        self.init(wire: wire, endpoint: endpoint, subscriptionARN: map["subscription"], server: map["server"] ?? "")
    }
}
