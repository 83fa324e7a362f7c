// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

extension VersionCache {
    /// The address with that id, from memory; nil where there is none, which is looked up each time. AWS: function URLs
    func url(id: String) async throws -> FunctionURL? {
        let now = clock.monotonicMicroseconds
        let (known, epoch) = state.withLockedValue { state in
            (state.urls[id].flatMap { isOld($0.checkedAt, now) ? nil : $0.url }, state.urlEpoch)
        }
        if let known { return known }
        guard let url = try await source.url(id: id) else { return nil }
        state.withLockedValue { state in
            guard state.urlEpoch == epoch else { return }
            if state.urls.count >= Self.capacity { state.urls = [:] }
            state.urls[id] = (url, now)
        }
        return url
    }

    /// To be called after each change of an address.
    func forgetURLs() {
        state.withLockedValue { state in
            state.urls = [:]
            state.urlEpoch &+= 1
        }
    }
}
