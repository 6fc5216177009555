/** Entry of the front page's bundle. */
import { ClustersPage, type ClustersPageProps } from "./clusters_page.tsx";
import { hydrateIsland } from "./hydrate.tsx";

hydrateIsland((props: ClustersPageProps) => <ClustersPage {...props} />);
